import { describe, expect, test } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { CloseCode, mayReconnect } from '../../../src/base/close-code.ts';
import type { CloseInfo } from '../../../src/client/connection-status.ts';
import { SessionSuccession, type SuccessionConfig } from '../../../src/client/session-succession.ts';

const close = (code: CloseCode, reason = ''): CloseInfo => ({
  code,
  reason,
  mayReconnect: mayReconnect(code),
});
const NORMAL = close(CloseCode.normal);
const STALE = close(CloseCode.staleSession, 'gone');
const unreachable = { isFinal: false, close: close(CloseCode.deadLink, 'nobody answered') };
const refused = { isFinal: true, close: close(CloseCode.authFailed, 'no') };

function create(changes: Partial<SuccessionConfig> = {}): SessionSuccession {
  return new SessionSuccession({
    succeeds: true,
    reconnect: true,
    rounds: 3,
    firstWaitMs: 1000,
    maxWaitMs: 30_000,
    handOverTimeoutMs: 10_000,
    random: () => 0.5,
    ...changes,
  });
}

/** One whose first connection is open, with number 1. */
function opened(changes: Partial<SuccessionConfig> = {}): SessionSuccession {
  const succession = create(changes);
  succession.start();
  succession.opened(0, 1);
  succession.takeCommands();
  return succession;
}

describe('the first connection', () => {
  test('takes what is sent, and its messages are delivered', () => {
    const succession = create();
    succession.start();
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'first', attempt: 1 }]);
    expect([succession.sender, succession.reader, succession.deadline]).toEqual([
      undefined,
      undefined,
      NEVER,
    ]);
    succession.opened(5, 1);
    expect([succession.sender, succession.reader, succession.deadline]).toEqual([1, 1, NEVER]);
    expect(succession.takeCommands()).toEqual([]);
  });

  test('is tried again after waits that grow, so many times', () => {
    const succession = create();
    succession.start();
    succession.takeCommands();
    succession.openFailed(0, unreachable);
    const cause = unreachable.close;
    expect(succession.takeCommands()).toEqual([{ type: 'reconnecting', attempt: 2, waitMs: 500, cause }]);
    expect(succession.deadline).toBe(500);
    succession.advance(499);
    expect(succession.takeCommands()).toEqual([]);
    succession.advance(500);
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'first', attempt: 2 }]);
    succession.openFailed(600, unreachable);
    expect(succession.takeCommands()).toEqual([{ type: 'reconnecting', attempt: 3, waitMs: 1000, cause }]);
    succession.advance(1600);
    succession.takeCommands();
    succession.openFailed(1700, unreachable);
    expect(succession.takeCommands()).toEqual([
      { type: 'over', code: CloseCode.retriesExhausted, reason: 'nobody answered', mayReconnect: false },
    ]);
    expect([succession.isOver, succession.deadline]).toEqual([true, NEVER]);
  });

  test('that is refused for good is not tried again', () => {
    const succession = create();
    succession.start();
    succession.takeCommands();
    succession.openFailed(0, refused);
    expect(succession.takeCommands()).toEqual([{ type: 'over', ...refused.close }]);
  });

  test('whoever was asked may want a longer wait', () => {
    const succession = create();
    succession.start();
    succession.openFailed(0, { ...unreachable, close: { ...unreachable.close, retryAfterMs: 7000 } });
    // Not all at the same time.
    expect(succession.deadline).toBe(7500);
  });
});

describe('a connection that is closed', () => {
  test('is followed no sooner than its gateway wants, but not for ever', () => {
    const succession = opened();
    succession.closed(100, 1, { ...STALE, retryAfterMs: 7000 });
    expect(succession.deadline).toBe(7600);
    const never = opened();
    never.closed(0, 1, { ...STALE, retryAfterMs: 2 ** 32 - 1 });
    expect(never.deadline).toBe(3_600_500);
  });

  test('is followed by another one where the code allows it', () => {
    const succession = opened();
    succession.closed(100, 1, STALE);
    expect(succession.takeCommands()).toEqual([
      { type: 'reconnecting', attempt: 1, waitMs: 500, cause: STALE },
    ]);
    expect([succession.sender, succession.reader]).toEqual([undefined, 1]);
    succession.readOut(1);
    expect([succession.reader, succession.isReadOut]).toEqual([undefined, false]);
    succession.advance(600);
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'reconnect', attempt: 1 }]);
    succession.opened(700, 2);
    expect(succession.takeCommands()).toEqual([{ type: 'reconnected', id: 2, attempt: 1 }]);
    expect([succession.sender, succession.reader]).toEqual([2, 2]);
  });

  test.each([
    ['with a code that does not', {}, close(CloseCode.kicked)],
    ['in order', {}, NORMAL],
    ['and nobody wants another one', { reconnect: false }, STALE],
    ['whose bytes are a stream', { succeeds: false }, STALE],
  ])('%s is the end', (_, changes, info) => {
    const succession = opened(changes);
    succession.closed(100, 1, info);
    expect(succession.takeCommands()).toEqual([{ type: 'over', ...info }]);
    expect([succession.isOver, succession.isReadOut, succession.reader]).toEqual([true, true, 1]);
  });

  test('is the end when either direction had ended before', () => {
    const ended = opened();
    ended.end();
    expect(ended.takeCommands()).toEqual([{ type: 'end', id: 1 }]);
    expect(ended.sender).toBeUndefined();
    ended.closed(100, 1, STALE);
    expect(ended.takeCommands()).toEqual([{ type: 'over', ...STALE }]);

    const peerEnded = opened();
    peerEnded.readOut(1);
    expect([peerEnded.isReadOut, peerEnded.sender]).toEqual([true, 1]);
    peerEnded.closed(100, 1, STALE);
    expect(peerEnded.takeCommands()).toEqual([{ type: 'over', ...STALE }]);
  });

  test('again and again soon after it opened exhausts the rounds; after a long life they are counted anew', () => {
    const succession = opened();
    let now = 0;
    for (const id of [1, 2, 3]) {
      succession.closed(now, id, STALE);
      now = succession.deadline;
      succession.advance(now);
      succession.opened(now, id + 1);
    }
    succession.takeCommands();
    succession.closed(now + 29_999, 4, STALE);
    expect(succession.takeCommands()).toEqual([
      { type: 'over', code: CloseCode.retriesExhausted, reason: 'gone', mayReconnect: false },
    ]);

    const patient = opened({ rounds: 1 });
    now = 0;
    for (let id = 1; id < 10; id++) {
      now += 30_000;
      patient.closed(now, id, STALE);
      now = patient.deadline;
      patient.advance(now);
      patient.opened(now, id + 1);
    }
    expect(patient.sender).toBe(10);
  });

  test('while the application has ended in between: nothing is opened any more', () => {
    const waiting = opened();
    waiting.closed(100, 1, STALE);
    waiting.takeCommands();
    waiting.end();
    expect(waiting.takeCommands()).toMatchObject([{ type: 'over', code: CloseCode.normal }]);

    const trying = opened();
    trying.closed(100, 1, STALE);
    trying.advance(600);
    trying.takeCommands();
    trying.end();
    expect(trying.takeCommands()).toMatchObject([{ type: 'abort' }, { type: 'over' }]);
  });
});

describe('a gateway that is drained', () => {
  /** Connection 1 is being left, connection 2 is open since t = 1000. */
  function handingOver(changes: Partial<SuccessionConfig> = {}): SessionSuccession {
    const succession = opened(changes);
    succession.draining(0, 1, 1000);
    succession.advance(500);
    succession.opened(1000, 2);
    succession.takeCommands();
    return succession;
  }

  test('is left after a random part of the time it gave', () => {
    const succession = opened();
    succession.draining(100, 1, 1000);
    expect(succession.deadline).toBe(600);
    succession.advance(599);
    expect(succession.takeCommands()).toEqual([]);
    succession.advance(600);
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'handover', attempt: 1 }]);
    expect([succession.sender, succession.reader]).toEqual([1, 1]);
    succession.opened(700, 2);
    expect(succession.takeCommands()).toEqual([{ type: 'end', id: 1 }]);
    expect([succession.sender, succession.reader]).toEqual([2, 1]);
  });

  test('is heard to its end before its successor is', () => {
    const succession = handingOver();
    succession.readOut(1);
    expect(succession.reader).toBe(2);
    succession.closed(1200, 1, NORMAL);
    expect(succession.takeCommands()).toEqual([{ type: 'left', from: 1, complete: true }]);
    expect([succession.isReadOut, succession.deadline]).toEqual([false, NEVER]);

    const closedFirst = handingOver();
    closedFirst.closed(1200, 1, NORMAL);
    expect(closedFirst.reader).toBe(1);
    closedFirst.readOut(1);
    expect(closedFirst.reader).toBe(2);
  });

  test('that cuts the old connection off is told of', () => {
    const succession = handingOver();
    succession.closed(1200, 1, close(CloseCode.drain));
    expect(succession.takeCommands()).toEqual([{ type: 'left', from: 1, complete: false }]);
    expect([succession.sender, succession.reader]).toEqual([2, 1]);
  });

  test('has a limited time to finish', () => {
    const succession = handingOver();
    expect(succession.deadline).toBe(11_000);
    succession.advance(11_000);
    expect(succession.takeCommands()).toEqual([
      { type: 'drop', id: 1 },
      { type: 'left', from: 1, complete: false },
    ]);
    succession.closed(11_001, 1, close(CloseCode.drain));
    expect(succession.takeCommands()).toEqual([]);
  });

  test('stays in use while no other can be reached, and is left when one can', () => {
    const succession = opened();
    succession.draining(0, 1, 0);
    succession.advance(0);
    succession.openFailed(100, unreachable);
    expect([succession.sender, succession.deadline]).toEqual([1, 600]);
    succession.takeCommands();
    succession.advance(600);
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'handover', attempt: 2 }]);
    succession.openFailed(700, refused);
    expect([succession.sender, succession.deadline, succession.isOver]).toEqual([1, NEVER, false]);
  });

  test('that closes while another is being opened: that one is the reconnection', () => {
    const succession = opened();
    succession.draining(0, 1, 0);
    succession.advance(0);
    succession.takeCommands();
    const drained = close(CloseCode.drain);
    succession.closed(50, 1, drained);
    expect(succession.takeCommands()).toEqual([
      { type: 'reconnecting', attempt: 1, waitMs: 0, cause: drained },
    ]);
    succession.opened(100, 2);
    expect(succession.takeCommands()).toEqual([{ type: 'reconnected', id: 2, attempt: 1 }]);
    expect([succession.sender, succession.reader]).toEqual([2, 1]);
  });

  test('that closes while no other gateway is found is opened anew: that there is no other one says nothing of this one', () => {
    const succession = opened();
    succession.draining(0, 1, 0);
    succession.advance(0);
    const drained = close(CloseCode.drain);
    succession.closed(50, 1, drained);
    succession.takeCommands();
    const none = { isFinal: true, close: close(CloseCode.retriesExhausted, 'there is no other gateway') };
    succession.openFailed(100, none);
    expect(succession.takeCommands()).toEqual([
      { type: 'reconnecting', attempt: 2, waitMs: 500, cause: none.close },
    ]);
    succession.advance(600);
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'reconnect', attempt: 2 }]);
    succession.openFailed(700, refused);
    expect(succession.isOver).toBe(true);
  });

  test('one hand-over at a time', () => {
    const succession = handingOver();
    succession.draining(1100, 2, 0);
    succession.advance(1100);
    expect(succession.takeCommands()).toEqual([]);
    succession.closed(1200, 1, NORMAL);
    succession.takeCommands();
    succession.advance(1200);
    expect(succession.takeCommands()).toEqual([{ type: 'open', reason: 'handover', attempt: 1 }]);
  });

  test('is not left by a stream, nor once either direction has ended', () => {
    const stream = opened({ succeeds: false });
    stream.draining(0, 1, 0);
    const ended = opened();
    ended.end();
    ended.draining(0, 1, 0);
    const endedMeanwhile = opened();
    endedMeanwhile.draining(0, 1, 0);
    endedMeanwhile.advance(0);
    endedMeanwhile.takeCommands();
    endedMeanwhile.end();
    expect(endedMeanwhile.takeCommands()).toEqual([{ type: 'abort' }, { type: 'end', id: 1 }]);
    for (const { deadline } of [stream, ended, endedMeanwhile]) expect(deadline).toBe(NEVER);
  });

  test('the end of the new connection waits for what the old one still delivers', () => {
    const kicked = close(CloseCode.kicked);
    const succession = handingOver();
    succession.closed(1100, 2, kicked);
    expect([succession.takeCommands(), succession.isOver, succession.isReadOut]).toEqual([[], false, true]);
    expect(succession.reader).toBe(1);
    succession.closed(1200, 1, NORMAL);
    expect(succession.takeCommands()).toEqual([
      { type: 'left', from: 1, complete: true },
      { type: 'over', ...kicked },
    ]);
  });

  test('the new connection that closes is followed by a third; the messages of all come in their order', () => {
    const succession = handingOver();
    succession.closed(1100, 2, STALE);
    succession.advance(succession.deadline);
    succession.opened(2000, 3);
    expect([succession.sender, succession.reader]).toEqual([3, 1]);
    succession.readOut(1);
    succession.closed(2100, 1, NORMAL);
    expect(succession.reader).toBe(2);
    succession.readOut(2);
    expect(succession.reader).toBe(3);
  });
});

test('stopped, it opens nothing and tells nothing', () => {
  const succession = opened();
  succession.closed(100, 1, STALE);
  succession.advance(600);
  succession.takeCommands();
  succession.stop();
  expect(succession.takeCommands()).toEqual([{ type: 'abort' }]);
  succession.openFailed(700, unreachable);
  succession.end();
  succession.advance(10_000);
  expect([succession.takeCommands(), succession.isOver, succession.deadline]).toEqual([[], true, NEVER]);
});
