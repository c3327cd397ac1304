import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { resolveKcpConfig } from '../../../src/kcp/config.ts';
import { KcpEngine } from '../../../src/kcp/engine.ts';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { Command } from '../../../src/wire/command.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { EngineDriver, ack, push, segmentsOf, sequencesOf, windowTell } from './engine-driver.ts';

/** An engine that has sent `count` segments at 1000 ms to a peer with a window of 128. */
function sent(count: number, options: ConstructorParameters<typeof EngineDriver>[0] = {}): EngineDriver {
  const driver = new EngineDriver(options);
  driver.handle(windowTell(128));
  driver.sendMany(count);
  driver.flush();
  return driver;
}

const pushed = (driver: EngineDriver): number[] => sequencesOf(driver.flush(), Command.push);

describe('a reliable path', () => {
  it('sends nothing again however long it takes, and wants no timer for it', () => {
    const driver = sent(3, { deadLink: 2 });
    driver.engine.setReliable(true);
    expect(driver.engine.nextDeadline()).toBe(NEVER);
    for (let minute = 0; minute < 60; minute++) {
      driver.nowMs += 60_000;
      expect(driver.flush()).toEqual([]);
    }
    expect(driver.engine.isDead).toBe(false);
    expect(driver.engine.stats()).toMatchObject({ inFlight: 3, timeoutRetransmits: 0, rtoMs: 200 });
  });

  it('forgets a death that came before it', () => {
    const driver = sent(1, { deadLink: 2 });
    driver.flushAtDeadline();
    expect(driver.engine.isDead).toBe(true);
    driver.engine.setReliable(true);
    expect(driver.engine.isDead).toBe(false);
  });

  it('takes no segment for lost because later ones were acknowledged', () => {
    const driver = new EngineDriver({ fastResend: 1 });
    driver.engine.setReliable(true);
    driver.handle(windowTell(128));
    driver.sendMany(10);
    driver.flush();
    driver.nowMs += 20;
    for (let sn = 3; sn < 10; sn++) driver.handle(ack(sn, { ts: 1000 }));
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.stats()).toMatchObject({ inFlight: 3, fastRetransmits: 0 });
    // Neither does it come back when the path becomes lossy: those ACKs say nothing about it.
    driver.engine.setReliable(false);
    expect(driver.flush()).toEqual([]);
  });

  it('frees what is acknowledged, acknowledges what arrives and samples round trips', () => {
    const driver = new EngineDriver();
    driver.engine.setReliable(true);
    driver.handle(windowTell(128));
    driver.sendMany(3);
    driver.flush();
    driver.nowMs += 50;
    driver.handle(ack(2, { ts: 1000, una: 3 }), push(0), push(2));
    expect(driver.pool.usedSlots).toBe(2);
    expect(driver.engine.isAllAcknowledged).toBe(true);
    expect(driver.engine.stats().srttMs).toBe(50);
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([2]);
  });

  it('is asked for the window when that is closed', () => {
    const driver = new EngineDriver();
    driver.engine.setReliable(true);
    driver.handle(windowTell(0));
    driver.sendMany(1);
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 500);
    expect(driver.flushAtDeadline()).toMatchObject([{ cmd: Command.windowAsk }]);
  });

  it('is not sent more than the peer surely takes, whatever late datagrams tell', () => {
    const driver = new EngineDriver();
    driver.sendMany(20);
    driver.engine.setReliable(true);
    // A window nobody has told yet: one segment, which any peer takes.
    expect(pushed(driver)).toEqual([0]);
    driver.handle(ack(0, { una: 1, wnd: 4, ts: 1000 }));
    expect(pushed(driver)).toEqual([1, 2, 3, 4]);
    // The peer's application takes nothing: `una` moves, the edge stays.
    driver.handle(ack(2, { una: 3, wnd: 2, ts: 1000 }));
    expect(pushed(driver)).toEqual([]);
    driver.handle(windowTell(4, { una: 1 }));
    expect(pushed(driver)).toEqual([]);
    driver.handle(windowTell(3, { una: 3 }));
    expect(pushed(driver)).toEqual([5]);
  });

  it('is probed when a late datagram hides that the window is closed', () => {
    const driver = new EngineDriver();
    driver.engine.setReliable(true);
    driver.handle(windowTell(2));
    driver.sendMany(4);
    expect(pushed(driver)).toEqual([0, 1]);
    driver.handle(ack(1, { una: 2, wnd: 0, ts: 1000 }));
    driver.handle(windowTell(2));
    expect(driver.flush()).toEqual([]);
    expect(driver.flushAtDeadline()).toMatchObject([{ cmd: Command.windowAsk }]);
    driver.handle(windowTell(1, { una: 2 }));
    expect(pushed(driver)).toEqual([2]);
  });

  it('that ends leaves fresh deadlines behind, and nothing overdue', () => {
    const driver = sent(3);
    driver.engine.setReliable(true);
    driver.nowMs += 5000;
    driver.flush();
    driver.engine.setReliable(false);
    expect(driver.engine.nextDeadline()).toBeLessThanOrEqual(driver.nowMs);
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 200);
    driver.nowMs += 199;
    expect(driver.flush()).toEqual([]);
    driver.nowMs += 1;
    expect(pushed(driver)).toEqual([0, 1, 2]);
  });

  it('that ends late is late by the clock of the next drain', () => {
    const driver = sent(1);
    driver.engine.setReliable(true);
    driver.engine.setReliable(false);
    // Nobody told the engine the time for a while.
    driver.nowMs += 10_000;
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 200);
  });

  it('told twice changes nothing', () => {
    const driver = sent(1);
    driver.engine.setReliable(false);
    expect(driver.engine.nextDeadline()).toBe(1200);
    driver.engine.setReliable(true);
    driver.engine.setReliable(true);
    driver.engine.setReliable(false);
    driver.nowMs += 100;
    driver.flush();
    driver.engine.setReliable(false);
    expect(driver.engine.nextDeadline()).toBe(1300);
  });

  it('shows when something was dropped that nobody will send again', () => {
    const pool = new SegmentPool({ slotBytes: 1400, maxBytes: 1400 * 2 });
    const engine = new KcpEngine(resolveKcpConfig({ conv: 0x01020304 }), pool);
    const handle = (bytes: Uint8Array): number =>
      engine.handleDatagram(1000, bytes, new DataView(bytes.buffer), 0, bytes.length);
    engine.setReliable(true);
    handle(push(0));
    handle(push(1));
    expect(engine.hasDropped).toBe(false);
    handle(push(2));
    expect([engine.hasDropped, engine.stats().memoryDrops]).toEqual([true, 1]);
    engine.receive({ write: () => true });
    expect(engine.hasDropped).toBe(true);
    handle(push(2));
    expect(engine.hasDropped).toBe(false);

    // The peer may have been on that path all the time, and sends nothing again.
    engine.setReliable(false);
    handle(push(3));
    handle(push(4));
    expect(engine.hasDropped).toBe(true);
    engine.setReliable(true);
    expect(engine.hasDropped).toBe(true);
  });
});

describe('timeouts that start over', () => {
  it('make overdue what was sent more than once, and leave the rest its time', () => {
    const driver = sent(2, { deadLink: 4 });
    for (let turn = 0; turn < 3; turn++) driver.flushAtDeadline();
    expect(driver.engine.isDead).toBe(true);
    driver.nowMs += 300;
    driver.sendMany(2);
    expect(pushed(driver)).toEqual([2, 3]);
    const firstDeadline = driver.nowMs + driver.engine.rtoMs;
    driver.nowMs += 50;
    driver.engine.restartTimeouts(driver.nowMs);
    expect(driver.engine.isDead).toBe(false);
    expect(pushed(driver)).toEqual([0, 1]);
    expect(driver.engine.nextDeadline()).toBe(firstDeadline);
    expect(driver.engine.stats()).toMatchObject({ timeoutRetransmits: 8, inFlight: 4 });
  });

  it('send nothing twice within a timeout, however often they do', () => {
    const driver = sent(1);
    for (let turn = 0; turn < 6; turn++) driver.flushAtDeadline();
    const from = driver.nowMs;
    let count = 0;
    for (; driver.nowMs < from + 10 * driver.engine.rtoMs; driver.nowMs += 5) {
      driver.engine.restartTimeouts(driver.nowMs);
      count += pushed(driver).length;
    }
    expect(count).toBe(9);
  });

  it('do not need the credit of a slow start, which is spent', () => {
    const driver = new EngineDriver();
    driver.handle(windowTell(1024));
    driver.sendMany(100);
    driver.flush();
    driver.engine.resetPath();
    driver.engine.resendAll(driver.nowMs);
    expect(pushed(driver)).toHaveLength(64);
    for (let turn = 0; turn < 6; turn++) driver.flushAtDeadline();
    driver.nowMs += driver.engine.rtoMs;
    driver.engine.restartTimeouts(driver.nowMs);
    expect(pushed(driver)).toHaveLength(64);
  });
});

describe('sending everything again', () => {
  it.each([true, false])('goes in order, before new data, once (reliable: %s)', (reliable) => {
    const driver = sent(4);
    driver.engine.setReliable(reliable);
    driver.nowMs += 30;
    driver.handle(ack(1, { ts: 1000, una: 0 }));
    driver.sendMany(2);
    driver.engine.resendAll(driver.nowMs);
    const segments = driver.flush();
    expect(sequencesOf(segments, Command.push)).toEqual([0, 2, 3, 4, 5]);
    for (const one of segments) expect(one.ts).toBe(1030);
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.stats()).toMatchObject({
      pathRetransmits: 3,
      timeoutRetransmits: 0,
      fastRetransmits: 0,
      segmentsSent: 9,
    });
    expect(driver.engine.nextDeadline()).toBe(reliable ? NEVER : 1030 + driver.engine.rtoMs);
  });

  it('is no loss: neither the timeout nor the congestion window learns of it', () => {
    const driver = new EngineDriver({ congestion: 'reno' });
    driver.sendMany(60);
    for (let una = 1; una <= 20; una++) {
      driver.flush();
      driver.nowMs += 10;
      driver.handle(ack(una - 1, { una, ts: driver.nowMs - 10 }));
    }
    driver.flush();
    const { congestionWindow, rtoMs, inFlight } = driver.engine.stats();
    expect(inFlight).toBeGreaterThan(3);
    for (let turn = 0; turn < 5; turn++) {
      driver.nowMs++;
      driver.engine.resendAll(driver.nowMs);
      expect(pushed(driver)).toHaveLength(inFlight);
      expect(driver.engine.nextDeadline()).toBe(driver.nowMs + rtoMs);
    }
    expect(driver.engine.stats()).toMatchObject({ congestionWindow, rtoMs });
  });

  it('starts timeouts over that had grown, and the count towards a dead link', () => {
    const driver = sent(1, { deadLink: 4 });
    for (let turn = 0; turn < 3; turn++) driver.flushAtDeadline();
    expect(driver.engine.isDead).toBe(true);
    driver.engine.resendAll(driver.nowMs);
    expect(driver.engine.isDead).toBe(false);
    expect(pushed(driver)).toEqual([0]);
    const waits: number[] = [];
    while (!driver.engine.isDead) {
      const before = driver.nowMs;
      expect(driver.flushAtDeadline()).toHaveLength(1);
      waits.push(driver.nowMs - before);
    }
    expect(waits).toEqual([200, 300, 450]);
  });

  it('may be done more often than fast retransmissions, and forgets what had overtaken a segment', () => {
    // Without nodelay: a thin stream needs no second one.
    const driver = sent(3, { fastResend: 2, nodelay: false });
    for (let turn = 0; turn < 10; turn++) {
      driver.nowMs += 10;
      // One more of these and segment 0 counts as lost.
      driver.handle(ack(7, { ts: driver.nowMs - 10 }), ack(2, { ts: driver.nowMs - 10, una: 0 }));
      driver.engine.resendAll(driver.nowMs);
      expect(pushed(driver)).toEqual([0, 1]);
    }
    expect(driver.engine.stats()).toMatchObject({ fastRetransmits: 0, pathRetransmits: 20 });
    driver.nowMs += 10;
    driver.sendMany(1);
    driver.flush();
    driver.handle(ack(3, { ts: driver.nowMs }));
    expect(driver.flush()).toEqual([]);
    driver.handle(ack(3, { ts: driver.nowMs }));
    expect(pushed(driver)).toEqual([0, 1]);
    expect(driver.engine.stats().fastRetransmits).toBe(2);
  });

  it('asked for twice before it is done is done once', () => {
    const driver = sent(3);
    driver.engine.resendAll(driver.nowMs);
    driver.engine.resendAll(driver.nowMs);
    expect(pushed(driver)).toEqual([0, 1, 2]);
    expect(pushed(driver)).toEqual([]);
  });

  it('leaves out what is acknowledged before it is written', () => {
    const driver = sent(5);
    driver.engine.resendAll(driver.nowMs);
    driver.handle(ack(3, { ts: 1000, una: 2 }));
    driver.sendMany(1);
    expect(pushed(driver)).toEqual([2, 4, 5]);
    driver.engine.resendAll(driver.nowMs);
    driver.handle(windowTell(128, { una: 6 }));
    driver.engine.trim();
    driver.sendMany(1);
    expect(pushed(driver)).toEqual([6]);
  });

  it('does nothing when nothing is in flight', () => {
    const driver = new EngineDriver();
    driver.engine.resendAll(driver.nowMs);
    expect(driver.flush()).toEqual([]);
    driver.sendMany(1);
    expect(pushed(driver)).toEqual([0]);
    expect(driver.engine.stats().pathRetransmits).toBe(0);
  });

  it('does not mind windows: what is in flight may be more than fits now', () => {
    const driver = sent(5);
    driver.handle(windowTell(1));
    driver.engine.resendAll(driver.nowMs);
    driver.sendMany(1);
    expect(pushed(driver)).toEqual([0, 1, 2, 3, 4]);
  });

  it('waits on a reliable path for room at the peer, which would drop it for good', () => {
    const driver = new EngineDriver();
    driver.handle(windowTell(2));
    driver.sendMany(5);
    driver.flush();
    driver.handle(ack(1, { una: 2, wnd: 1, ts: 1000 }));
    // A late datagram tells a window that is not there: segments 3 and 4 cannot be taken.
    driver.handle(windowTell(3));
    expect(driver.flush()).toMatchObject([{ sn: 2 }, { sn: 3 }, { sn: 4 }]);
    driver.engine.setReliable(true);
    driver.engine.resendAll(driver.nowMs);
    expect(pushed(driver)).toEqual([2]);
    driver.handle(ack(2, { una: 3, wnd: 1, ts: 1000 }));
    expect(pushed(driver)).toEqual([3]);
    driver.handle(ack(3, { una: 4, wnd: 0, ts: 1000 }));
    expect(driver.flush()).toEqual([]);
    expect(driver.flushAtDeadline()).toMatchObject([{ cmd: Command.windowAsk }]);
    driver.handle(windowTell(1, { una: 4 }));
    expect(pushed(driver)).toEqual([4]);
    expect(driver.engine.stats().pathRetransmits).toBe(3);
  });

  it('goes on where a full arena stopped it, and starts over when asked again in between', () => {
    const driver = sent(8, { mtu: 50 });
    const arena = new DatagramArena(50);
    const take = (): number[] => {
      const numbers: number[] = [];
      arena.drain((bytes, offset, length) => {
        numbers.push(...segmentsOf(bytes.slice(offset, offset + length)).map((one) => one.sn));
      });
      return numbers;
    };
    driver.engine.resendAll(driver.nowMs);
    const written: number[][] = [];
    while (driver.engine.pollTransmit(driver.nowMs, arena)) written.push(take());
    written.push(take());
    expect(written.length).toBeGreaterThan(3);
    expect(written.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);

    driver.engine.resendAll(driver.nowMs);
    expect(driver.engine.pollTransmit(driver.nowMs, arena)).toBe(true);
    expect(take()).toEqual([0, 1]);
    driver.engine.resendAll(driver.nowMs);
    expect(pushed(driver)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('holds across the wrap of sequence numbers and times', () => {
    const driver = new EngineDriver({ initialSequence: -2 });
    driver.nowMs = 2 ** 32 - 5;
    driver.sendMany(4);
    driver.flush();
    driver.nowMs += 10;
    driver.engine.resendAll(driver.nowMs);
    expect(driver.flush()).toMatchObject([
      { sn: 0xfffffffe, ts: 5 },
      { sn: 0xffffffff, ts: 5 },
      { sn: 0, ts: 5 },
      { sn: 1, ts: 5 },
    ]);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 200);
  });

  it('is of no use to an engine that was disposed of', () => {
    const driver = sent(2);
    driver.engine.resendAll(driver.nowMs);
    driver.engine.setReliable(true);
    driver.engine.setReliable(false);
    driver.engine.dispose();
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.nextDeadline()).toBe(NEVER);
  });
});

describe('a path that begins afresh', () => {
  const measured = (): EngineDriver => {
    const driver = sent(2, { congestion: 'reno' });
    driver.nowMs += 80;
    driver.handle(ack(0, { ts: 1000, una: 1 }));
    expect(driver.engine.stats()).toMatchObject({ srttMs: 80, rtoMs: 240, congestionWindow: 2 });
    return driver;
  };

  it('has no round trip and the first congestion window, and knows the peer still', () => {
    const driver = measured();
    driver.handle(windowTell(77, { una: 1 }));
    driver.engine.resetPath();
    expect(driver.engine.stats()).toMatchObject({
      srttMs: 0,
      rttvarMs: 0,
      rtoMs: 200,
      congestionWindow: 1,
      peerWindow: 77,
    });
    expect(driver.engine.isHeard).toBe(true);
  });

  it('takes a round trip measured otherwise as its first', () => {
    const driver = measured();
    driver.engine.resetPath(40);
    expect(driver.engine.stats()).toMatchObject({ srttMs: 40, rttvarMs: 20, rtoMs: 120 });
  });

  it('learns nothing from ACKs of what was sent before', () => {
    const driver = measured();
    driver.flush();
    const resetAt = driver.nowMs;
    driver.engine.resetPath();
    for (const ts of [resetAt - 300, resetAt - 80, resetAt]) {
      driver.nowMs += 10;
      driver.handle(ack(1, { ts, una: 1 }));
      expect(driver.engine.stats()).toMatchObject({ srttMs: 0, rtoMs: 200 });
    }
    driver.sendMany(1);
    driver.flush();
    driver.nowMs += 25;
    driver.handle(ack(2, { ts: driver.nowMs - 25, una: 1 }));
    expect(driver.engine.stats().srttMs).toBe(25);
  });

  it('learns from what was sent in the same millisecond, if nothing was sent in it before', () => {
    const driver = sent(1);
    driver.nowMs += 30;
    driver.engine.resetPath();
    driver.engine.resendAll(driver.nowMs);
    driver.flush();
    driver.nowMs += 12;
    driver.handle(ack(0, { ts: driver.nowMs - 12, una: 1 }));
    expect(driver.engine.stats().srttMs).toBe(12);
  });

  it('tells old from new across the wrap of time stamps', () => {
    const driver = new EngineDriver();
    driver.nowMs = 2 ** 32 - 3;
    driver.sendMany(1);
    driver.flush();
    driver.nowMs += 6;
    driver.engine.resetPath();
    driver.handle(ack(5, { ts: 0xfffffffd }), ack(0, { ts: 0xfffffffd }));
    expect(driver.engine.stats().srttMs).toBe(0);
    driver.sendMany(1);
    driver.flush();
    driver.nowMs += 9;
    driver.handle(ack(1, { ts: 3, una: 2 }));
    expect(driver.engine.stats().srttMs).toBe(9);
  });

  it.each([61_000, 2 ** 31 + 1000, 2 ** 32 + 500])(
    'forgets the boundary after a long time: %i ms',
    (laterMs) => {
      const driver = sent(2);
      driver.engine.resetPath();
      driver.handle(ack(1, { ts: driver.nowMs, una: 2 }));
      expect(driver.engine.stats().srttMs).toBe(0);
      driver.nowMs += laterMs;
      driver.sendMany(1);
      driver.flush();
      driver.nowMs += 15;
      driver.handle(ack(2, { ts: (driver.nowMs - 15) >>> 0, una: 3 }));
      expect(driver.engine.stats().srttMs).toBe(15);
    },
  );

  it('announces again, if the engine does that', () => {
    const driver = new EngineDriver({ announce: true });
    let una = 0;
    const commandSent = (): number => {
      driver.sendMany(1);
      const [bytes] = driver.drain();
      return bytes![4]!;
    };
    const acknowledge = (): void => {
      driver.handle(ack(una, { ts: driver.nowMs, una: ++una }));
    };
    expect(commandSent()).toBe(Command.new);
    acknowledge();
    expect(commandSent()).toBe(Command.push);
    driver.engine.resetPath();
    expect(commandSent()).toBe(Command.new);
    acknowledge();
    expect(commandSent()).toBe(Command.push);
  });
});

describe('a path nobody knows yet', () => {
  it('gets 64 segments at once, and two more for each that is acknowledged', () => {
    const driver = new EngineDriver({ sendWindow: 200 });
    driver.handle(windowTell(200));
    driver.sendMany(150);
    driver.flush();
    driver.nowMs += 10;
    driver.engine.resetPath();
    driver.engine.resendAll(driver.nowMs);
    expect(pushed(driver)).toEqual(Array.from({ length: 64 }, (_, sn) => sn));
    expect(pushed(driver)).toEqual([]);
    driver.nowMs += 10;
    for (let sn = 0; sn < 5; sn++) driver.handle(ack(sn, { ts: driver.nowMs - 10, wnd: 200 }));
    expect(pushed(driver)).toEqual(Array.from({ length: 10 }, (_, i) => 64 + i));
  });

  it('is not flooded by what still waits for its turn when that times out', () => {
    const driver = new EngineDriver({ sendWindow: 200 });
    driver.handle(windowTell(200));
    driver.sendMany(150);
    driver.flush();
    driver.engine.resetPath();
    driver.engine.resendAll(driver.nowMs);
    driver.flush();
    driver.nowMs += 250;
    const again = pushed(driver);
    expect(again).toEqual(Array.from({ length: 64 }, (_, sn) => sn));
    expect(driver.engine.stats().timeoutRetransmits).toBe(64);
    expect(driver.engine.nextDeadline()).toBeGreaterThan(driver.nowMs);
  });

  it('is known once a whole window could be under way', () => {
    const driver = new EngineDriver({ sendWindow: 100 });
    driver.handle(windowTell(100));
    driver.sendMany(300);
    driver.flush();
    driver.engine.resetPath();
    driver.engine.resendAll(driver.nowMs);
    driver.flush();
    driver.nowMs += 10;
    for (let sn = 0; sn < 60; sn++) driver.handle(ack(sn, { ts: driver.nowMs - 10, una: sn + 1, wnd: 100 }));
    expect(driver.flush().length).toBeGreaterThan(0);
    expect(driver.engine.stats().inFlight).toBe(100);
  });
});
