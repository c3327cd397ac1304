import { describe, expect, it } from 'vitest';
import { Command } from '../../../src/wire/command.ts';
import { EngineDriver, ack, push, segmentsOf, type SegmentFields } from './engine-driver.ts';

/** A driver that has answered a first message with an ACK, now. */
function answered(loggedIn = true): EngineDriver {
  const driver = new EngineDriver({ loggedIn });
  driver.handle(push(0, { ts: 7 }));
  driver.sendMany(1);
  expect(kindsOf(driver.flush())).toEqual(['ack 0', 'push 0']);
  driver.handle(ack(0, { ts: driver.nowMs, una: 1 }));
  return driver;
}

const kindsOf = (segments: readonly SegmentFields[]): string[] =>
  segments.map(({ cmd, sn }) => `${cmd === Command.ack ? 'ack' : 'push'} ${String(sn)}`);

describe('an ACK', () => {
  it('is left out where data leaves that says the same', () => {
    const driver = answered();
    driver.nowMs += 50;
    driver.handle(push(1, { una: 1 }));
    driver.sendMany(1);
    const segments = driver.flush();
    expect(kindsOf(segments)).toEqual(['push 1']);
    expect(segments[0]!.una).toBe(2);
    expect(driver.flush()).toEqual([]);
  });

  it('goes alone when there is no data', () => {
    const driver = answered();
    driver.handle(push(1, { una: 1 }));
    expect(kindsOf(driver.flush())).toEqual(['ack 1']);
  });

  it('is sent three times a second, with the time stamp the round trip is taken from', () => {
    const driver = answered();
    const withAck: number[] = [];
    for (let sn = 1; sn <= 12; sn++) {
      driver.nowMs += 75;
      driver.handle(push(sn, { ts: sn * 1000, una: sn }));
      driver.sendMany(1);
      const [first] = driver.flush();
      if (first?.cmd !== Command.ack) continue;
      withAck.push(sn);
      expect(first).toMatchObject({ sn, ts: sn * 1000 });
    }
    expect(withAck).toEqual([4, 8, 12]);
  });

  it('is sent for what arrives out of order, and while that is repeated', () => {
    const driver = answered();
    driver.handle(push(2, { una: 1 }));
    driver.sendMany(1);
    expect(kindsOf(driver.flush())).toEqual(['ack 2', 'push 1']);
    driver.handle(push(1, { una: 1 }));
    driver.sendMany(1);
    expect(kindsOf(driver.flush())).toContain('ack 1');
  });

  it('is always sent to a peer that is not said to be ours', () => {
    const driver = answered(false);
    driver.handle(push(1, { una: 1 }));
    driver.sendMany(1);
    expect(kindsOf(driver.flush())).toEqual(['ack 1', 'push 1']);
  });

  it('of a segment that comes again is made good by una as well', () => {
    const driver = answered();
    driver.nowMs += 10;
    driver.handle(push(0, { una: 1 }));
    driver.sendMany(1);
    const datagrams = driver.drain();
    expect(datagrams.map((one) => kindsOf(segmentsOf(one)))).toEqual([['push 1']]);
  });
});

describe('a window', () => {
  it.each([
    { loggedIn: true, window: 3, what: 'that comes late does not count between peers that logged in' },
    {
      loggedIn: false,
      window: 100,
      what: 'of a stock peer is that of the last header, as in the reference',
    },
  ])('$what', ({ loggedIn, window }) => {
    const driver = new EngineDriver({ loggedIn });
    driver.sendMany(4);
    driver.flush();
    driver.handle(ack(3, { una: 4, wnd: 3 }));
    // Sent before that one, over a slower way: there was room then.
    driver.handle(ack(0, { una: 1, wnd: 100 }));
    expect(driver.engine.stats().peerWindow).toBe(window);
  });
});

it('a peer without flush tick is waited for half as long beyond the round trip', () => {
  const rtoOf = (loggedIn: boolean): number => {
    const driver = new EngineDriver({ preset: 'fast3', loggedIn });
    for (let sn = 0; sn < 60; sn++) {
      driver.sendMany(1);
      driver.flush();
      driver.nowMs += 50;
      driver.handle(ack(sn, { ts: driver.nowMs - 50, una: sn + 1 }));
    }
    return driver.engine.stats().rtoMs;
  };
  expect([rtoOf(false), rtoOf(true)]).toEqual([60, 55]);
});
