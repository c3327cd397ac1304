import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { SendError } from '../../../src/base/sink.ts';
import { resolveKcpConfig } from '../../../src/kcp/config.ts';
import { DatagramFault } from '../../../src/kcp/datagram-fault.ts';
import { Command } from '../../../src/wire/command.ts';
import { Pair } from '../../simulation/pair.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import { PROFILES } from '../../simulation/profiles.ts';
import { StreamTransfer } from '../../simulation/workloads.ts';
import {
  CONV,
  EngineDriver,
  ack,
  push,
  segment,
  segmentsOf,
  sequencesOf,
  windowAsk,
  windowTell,
} from './engine-driver.ts';

/*
 * The cases on which implementations of KCP are known to differ, wedge or lose data; one group a row, by its number.
 */

const HEADER_BYTES = 24;
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff);

describe('row 1: sequence numbers cross 2^32', () => {
  it.each([0xfffffff0, 0x7ffffff0, -1, -0x80000000])(
    'a stream from %i arrives whole over a lossy path',
    (first) => {
      const pair = new Pair({
        seed: 1,
        network: PROFILES.lossy10,
        left: { conv: CONV, stream: true, initialSequence: first },
      });
      const transfer = new StreamTransfer(pair.left, pair.right, 200_000);
      expect(pair.runUntil(() => transfer.isDone, 60_000)).toBe(true);
      expect((pair.right.engine.sequences.expected - first) >>> 0).toBe(
        pair.left.engine.stats().segmentsSent - resent(pair),
      );
    },
  );

  it('una, ACK and window tests hold on both sides of the wrap', () => {
    const driver = new EngineDriver({ initialSequence: -2, receiveWindow: 4 });
    driver.sendMany(4);
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([0xfffffffe, 0xffffffff, 0, 1]);
    driver.handle(ack(0, { una: 0xffffffff, ts: 1000 }));
    expect(driver.engine.sequences).toMatchObject({ una: 0xffffffff, next: 2 });
    expect(driver.engine.stats().inFlight).toBe(2);

    driver.handle(push(0xffffffff, { una: 0xffffffff }), push(2, { una: 0xffffffff }));
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([0xffffffff]);
    driver.handle(push(0xfffffffe, { una: 0xffffffff }));
    expect(driver.receive().map((message) => message[0])).toEqual([0xfe, 0xff]);
  });
});

describe('row 2: time stamps cross 2^31 and 2^32', () => {
  it.each([2 ** 31 - 300, 2 ** 32 - 300, 2 ** 33 - 300])(
    'a clock starting at %i ms changes nothing',
    (startMs) => {
      const run = (start: number): unknown => {
        const pair = new Pair({
          seed: 3,
          network: PROFILES.lossy10,
          left: { conv: CONV, stream: true },
          startMs: start,
        });
        const transfer = new StreamTransfer(pair.left, pair.right, 300_000);
        expect(pair.runUntil(() => transfer.isDone, 60_000)).toBe(true);
        return [pair.elapsedMs(), pair.left.engine.stats(), pair.right.engine.stats()];
      };
      expect(run(startMs)).toEqual(run(0));
    },
  );

  it('a retransmission deadline beyond the wrap comes due', () => {
    const driver = new EngineDriver();
    driver.nowMs = 2 ** 32 - 50;
    driver.sendMany(1);
    expect(driver.flush()).toHaveLength(1);
    expect(driver.engine.nextDeadline()).toBe(2 ** 32 - 50 + 200);
    driver.nowMs = 2 ** 32 + 149;
    expect(driver.flush()).toHaveLength(0);
    driver.nowMs = 2 ** 32 + 150;
    expect(driver.flush()).toMatchObject([{ cmd: Command.push, sn: 0, ts: 150 }]);
  });
});

describe('row 3: una beyond what was sent', () => {
  it.each([1, 2, 1000, 0x7fffffff])('is refused and loses nothing: %i too many', (excess) => {
    const driver = new EngineDriver();
    driver.sendMany(3);
    driver.flush();
    expect(driver.handle(ack(0, { una: 3 + excess }))).toBe(DatagramFault.unaBeyondSent);
    expect(driver.handle(push(0, { una: 3 + excess }))).toBe(DatagramFault.unaBeyondSent);
    expect(driver.handle(windowTell(0, { una: 3 + excess }))).toBe(DatagramFault.unaBeyondSent);
    expect(driver.engine.stats()).toMatchObject({ inFlight: 3, segmentsReceived: 0, peerWindow: 128 });
    expect(sequencesOf(driver.flushAtDeadline(), Command.push)).toEqual([0, 1, 2]);
  });

  it('does not reach segments that are queued but were never sent', () => {
    const driver = new EngineDriver({ sendWindow: 2 });
    driver.sendMany(5);
    driver.flush();
    expect(driver.handle(ack(0, { una: 3 }))).toBe(DatagramFault.unaBeyondSent);
    expect(driver.handle(ack(3, { una: 0 }))).toBe(DatagramFault.none);
    expect(driver.engine.stats()).toMatchObject({ inFlight: 2, waiting: 3 });
    expect(driver.handle(ack(1, { una: 2 }))).toBe(DatagramFault.none);
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([2, 3]);
  });
});

describe('row 4: acknowledgements of the past and from nowhere', () => {
  it.each([
    ['una below snd_una', windowTell(128, { una: 1 })],
    ['una half a number space back', windowTell(128, { una: 0x80000003 })],
    ['ACK below snd_una', ack(1, { una: 2 })],
    ['ACK of the next sn', ack(5, { una: 2 })],
    ['ACK far away', ack(0x7fffffff, { una: 2 })],
    ['ACK half a number space back', ack(0x80000005, { una: 2 })],
  ])('%s changes nothing', (_, bytes) => {
    const driver = new EngineDriver();
    driver.sendMany(5);
    driver.flush();
    driver.handle(windowTell(128, { una: 2 }));
    const before = driver.engine.stats();
    driver.handle(bytes);
    const { acksReceived, srttMs, rttvarMs, rtoMs, ...after } = driver.engine.stats();
    expect(before).toMatchObject(after);
    expect(driver.engine.sequences).toMatchObject({ una: 2, next: 5 });
    expect([acksReceived, srttMs, rttvarMs, rtoMs]).toHaveLength(4);
  });
});

describe('row 5: malformed datagrams', () => {
  const good = push(0);

  it.each([
    ['another conv in the second segment', push(1, { conv: CONV + 1 }), DatagramFault.otherConversation],
    ['len 0xFFFFFFFF', push(1, { len: 0xffffffff }), DatagramFault.truncated],
    ['len 0xFFFFFFE8: header and payload sum to 2^32', push(1, { len: 0xffffffe8 }), DatagramFault.truncated],
    ['len 2^31', push(1, { len: 0x80000000 }), DatagramFault.truncated],
    ['len one beyond the rest', push(1, { len: 2 + HEADER_BYTES + 1 }), DatagramFault.truncated],
  ])('%s: what stood before it counts, nothing after', (_, bad, fault) => {
    const driver = new EngineDriver();
    expect(driver.handle(good, bad, push(2))).toBe(fault);
    expect(driver.engine.sequences.expected).toBe(1);
    expect(driver.receive()).toEqual([Uint8Array.of(0)]);
    expect(driver.flush()).toMatchObject([{ cmd: Command.ack, sn: 0, una: 1 }]);
  });

  it.each([1, 12, 23])('a tail of %i bytes is ignored', (length) => {
    const driver = new EngineDriver();
    expect(driver.handle(good, new Uint8Array(length))).toBe(DatagramFault.none);
    expect(driver.receive()).toHaveLength(1);
  });

  it.each([0, 1, 12, 23])('a datagram of %i bytes is too short', (length) => {
    const driver = new EngineDriver();
    expect(driver.handle(good.subarray(0, length))).toBe(DatagramFault.tooShort);
    expect(driver.flush()).toEqual([]);
  });

  it.each([0, 79, 85, 95, 255])('command %i is skipped by its length and counted', (cmd) => {
    const driver = new EngineDriver();
    const strange = segment({ cmd, payload: bytesOf(5), una: 77, sn: 1, wnd: 0 });
    expect(driver.handle(good, strange, push(1))).toBe(DatagramFault.none);
    expect(driver.engine.stats()).toMatchObject({ unknownCommands: 1, segmentsReceived: 2, peerWindow: 128 });
  });

  it('command 80 is a PUSH with an address block before its payload', () => {
    const driver = new EngineDriver();
    const block = new Uint8Array(20);
    const fresh = segment({ cmd: Command.new, payload: block, len: 0 });
    expect(driver.handle(fresh.subarray(0, 43))).toBe(DatagramFault.truncated);
    expect(driver.handle(fresh)).toBe(DatagramFault.none);
    expect(driver.receive()).toEqual([new Uint8Array(0)]);
  });

  it('the first segment of another conversation stops the datagram', () => {
    const driver = new EngineDriver();
    expect(driver.handle(push(0, { conv: 0 }), good)).toBe(DatagramFault.otherConversation);
    expect(driver.receive()).toEqual([]);
  });
});

describe('row 6: frg 255', () => {
  it('never delivers part of a message', () => {
    const driver = new EngineDriver({ receiveWindow: 300 });
    for (let sn = 0; sn < 255; sn++) driver.handle(push(sn, { frg: 255 - sn }));
    expect(driver.receive()).toEqual([]);
    driver.handle(push(255, { frg: 0 }));
    const messages = driver.receive();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toHaveLength(256);
  });
});

describe('row 7: a message with more fragments than fit the receive window', () => {
  it('is not sent to a peer whose window is known to be smaller', () => {
    const driver = new EngineDriver({ mtu: HEADER_BYTES + 100 });
    driver.handle(windowTell(10));
    expect(driver.send(bytesOf(1001))).toBe(SendError.tooLarge);
    expect(driver.send(bytesOf(1000))).toBe(1000);
    driver.handle(windowTell(0));
    expect(driver.send(bytesOf(1000))).toBe(1000);
  });

  it('is not seen in every message to a peer that has not opened its window yet', () => {
    const driver = new EngineDriver();
    driver.handle(windowTell(0));
    expect(driver.send(Uint8Array.of(1))).toBe(1);
    driver.handle(windowTell(1));
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([0]);
  });

  it('shows on the receiving side as wedged, not as silence', () => {
    const driver = new EngineDriver({ receiveWindow: 8 });
    for (let sn = 0; sn < 8; sn++) {
      expect(driver.engine.isWedged).toBe(false);
      driver.handle(push(sn, { frg: 20 - sn }));
    }
    expect(driver.receive()).toEqual([]);
    expect(driver.engine.isWedged).toBe(true);
  });

  it('a message that just fits arrives', () => {
    const driver = new EngineDriver({ receiveWindow: 8 });
    for (let sn = 0; sn < 8; sn++) driver.handle(push(sn, { frg: 7 - sn }));
    expect(driver.engine.isWedged).toBe(false);
    expect(driver.receive()).toHaveLength(1);
  });
});

describe('row 8: messages of zero bytes', () => {
  it('are refused by send, in both modes', () => {
    for (const stream of [false, true]) {
      const driver = new EngineDriver({ stream });
      expect(driver.send(new Uint8Array(0))).toBe(SendError.empty);
      expect(driver.flush()).toEqual([]);
    }
  });

  it('arrive as empty messages and hold up nothing', () => {
    const driver = new EngineDriver();
    driver.handle(
      push(0, { payload: new Uint8Array(0) }),
      push(1),
      push(2, { payload: new Uint8Array(0) }),
      push(3),
    );
    expect(driver.receive()).toEqual([
      new Uint8Array(0),
      Uint8Array.of(1),
      new Uint8Array(0),
      Uint8Array.of(3),
    ]);
  });
});

describe('row 9: windows of 65,536 and more', () => {
  it('are refused by the configuration', () => {
    for (const window of [65_536, 131_072, 0, -1, 1.5, NaN]) {
      expect(() => resolveKcpConfig({ conv: 1, receiveWindow: window })).toThrow(/receiveWindow/u);
      expect(() => resolveKcpConfig({ conv: 1, sendWindow: window })).toThrow(/sendWindow/u);
    }
  });

  it('the largest is told as it is', () => {
    const driver = new EngineDriver({ receiveWindow: 65_535 });
    driver.handle(windowAsk());
    expect(driver.flush()).toMatchObject([{ cmd: Command.windowTell, wnd: 65_535 }]);
    driver.handle(push(65_534), push(65_535));
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([65_534]);
  });
});

describe('row 10: the number of fragments', () => {
  it.each([127, 128, 255])('a message of %i fragments arrives whole', (fragments) => {
    const pair = new Pair({ seed: 2, network: PROFILES.lossy10, left: { conv: CONV, mtu: 50 } });
    const size = fragments * (50 - HEADER_BYTES);
    const message = bytesOf(size);
    const received: number[] = [];
    let messages = 0;
    pair.right.receive = (bytes, offset, length, endOfMessage) => {
      received.push(...bytes.subarray(offset, offset + length));
      if (endOfMessage) messages++;
      return true;
    };
    // The peer's window is known only once it spoke.
    pair.right.engine.send(Uint8Array.of(1), 0, 1);
    pair.runFor(2000);
    expect(pair.left.engine.send(message, 0, size)).toBe(size);
    pair.left.markDirty();
    pair.runUntil(() => messages === 1, 60_000);
    expect(Uint8Array.from(received)).toEqual(message);
  });

  it('more than 255 are refused, before anything is queued', () => {
    const driver = new EngineDriver({ mtu: 50 });
    driver.handle(windowTell(1000));
    expect(driver.send(bytesOf(255 * 26))).toBe(255 * 26);
    expect(driver.send(bytesOf(255 * 26 + 1))).toBe(SendError.tooLarge);
    expect(driver.engine.stats().waiting).toBe(255);
  });
});

describe('row 11: filling up the last segment of a stream', () => {
  const MSS = 100;
  it.each([
    { first: 1, second: 1, lengths: [2] },
    { first: MSS - 1, second: 1, lengths: [MSS] },
    { first: MSS, second: 1, lengths: [MSS, 1] },
    { first: MSS + 1, second: 1, lengths: [MSS, 2] },
    { first: MSS - 1, second: 2, lengths: [MSS, 1] },
    { first: 1, second: MSS - 1, lengths: [MSS] },
    { first: 1, second: MSS, lengths: [MSS, 1] },
    { first: 60, second: 2 * MSS, lengths: [MSS, MSS, 60] },
  ])('$first then $second bytes make segments of $lengths', ({ first, second, lengths }) => {
    const driver = new EngineDriver({ stream: true, mtu: HEADER_BYTES + MSS });
    const bytes = bytesOf(first + second);
    expect(driver.send(bytes.subarray(0, first))).toBe(first);
    expect(driver.engine.send(bytes, first, second)).toBe(second);
    const segments = driver.flush();
    expect(segments.map((one) => one.len)).toEqual(lengths);
    expect(segments.every((one) => one.frg === 0)).toBe(true);
    expect(Uint8Array.from(segments.flatMap((one) => [...one.payload]))).toEqual(bytes);
  });

  it('leaves a segment that was sent as it is', () => {
    const driver = new EngineDriver({ stream: true });
    driver.send(bytesOf(10));
    driver.flush();
    driver.send(bytesOf(10));
    expect(driver.flush().map((one) => one.len)).toEqual([10]);
  });
});

describe('row 12: retransmission after later segments were acknowledged', () => {
  /** Sends 20 segments; the first is lost. */
  const start = (fastResend: number): EngineDriver => {
    const driver = new EngineDriver({ fastResend });
    driver.sendMany(20);
    driver.flush();
    driver.nowMs += 40;
    return driver;
  };
  const acknowledge = (driver: EngineDriver, sn: number): number[] => {
    driver.handle(ack(sn, { ts: 1000 }));
    return sequencesOf(driver.flush(), Command.push);
  };

  it.each([1, 2, 3])('comes with datagram number %i when that is the threshold, no sooner', (threshold) => {
    const driver = start(threshold);
    for (let count = 1; count < threshold; count++) expect(acknowledge(driver, count)).toEqual([]);
    expect(acknowledge(driver, threshold)).toEqual([0]);
    expect(acknowledge(driver, threshold + 1)).toEqual([]);
    expect(driver.engine.stats()).toMatchObject({ fastRetransmits: 1, timeoutRetransmits: 0 });
  });

  it('counts datagrams, not ACKs', () => {
    const driver = start(2);
    driver.handle(ack(1, { ts: 1000 }), ack(2, { ts: 1000 }), ack(3, { ts: 1000 }));
    expect(driver.flush()).toEqual([]);
    expect(acknowledge(driver, 4)).toEqual([0]);
  });

  it('never comes with a threshold of 0', () => {
    const driver = start(0);
    for (let sn = 1; sn < 20; sn++) expect(acknowledge(driver, sn)).toEqual([]);
  });

  it('is not blamed on ACKs of what was sent before it', () => {
    const driver = start(1);
    expect(acknowledge(driver, 1)).toEqual([0]);
    // These were sent before segment 0 went out again: they say nothing about it.
    for (let sn = 2; sn < 20; sn++) expect(acknowledge(driver, sn)).toEqual([]);
    driver.sendMany(1);
    driver.nowMs += 5;
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([20]);
    driver.nowMs += 5;
    driver.handle(ack(20, { ts: driver.nowMs - 5 }));
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([0]);
  });

  it('stops after the fifth transmission; the timeout goes on', () => {
    const driver = new EngineDriver({ fastResend: 1 });
    driver.sendMany(1);
    driver.flush();
    let sent = 1;
    for (let sn = 1; sn < 12; sn++) {
      driver.nowMs += 2;
      driver.sendMany(1);
      driver.flush();
      driver.handle(ack(sn, { ts: driver.nowMs }));
      sent += sequencesOf(driver.flush(), Command.push).filter((resent) => resent === 0).length;
    }
    expect(sent).toBe(6);
    // The first wake-up may be for what was acknowledged since.
    const late = [...driver.flushAtDeadline(), ...driver.flushAtDeadline()];
    expect(sequencesOf(late, Command.push)).toEqual([0]);
  });
});

describe('row 13: data outside the receive window', () => {
  it('beyond it is neither kept nor acknowledged', () => {
    const driver = new EngineDriver({ receiveWindow: 4 });
    for (const sn of [4, 5, 1000, 0x7fffffff]) driver.handle(push(sn));
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.stats().beyondWindowDrops).toBe(4);
    expect(driver.pool.usedSlots).toBe(0);
  });

  it('the last place in it is kept and acknowledged', () => {
    const driver = new EngineDriver({ receiveWindow: 4 });
    driver.handle(push(3));
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([3]);
  });

  it('before it is acknowledged again, however old, and not delivered again', () => {
    const driver = new EngineDriver({ receiveWindow: 4 });
    for (let sn = 0; sn < 3; sn++) driver.handle(push(sn));
    expect(driver.receive()).toHaveLength(3);
    driver.flush();
    for (const sn of [0, 2, 0x80000003]) {
      driver.handle(push(sn, { ts: 77 }));
      expect(driver.flush()).toMatchObject([{ cmd: Command.ack, sn, ts: 77, una: 3 }]);
    }
    expect(driver.receive()).toEqual([]);
    expect(driver.engine.stats().duplicatesReceived).toBe(3);
  });

  it('shrinks with what the application has not taken', () => {
    const driver = new EngineDriver({ receiveWindow: 4 });
    for (let sn = 0; sn < 3; sn++) driver.handle(push(sn));
    driver.handle(push(4));
    expect(driver.flush()).toMatchObject([{ cmd: Command.ack, sn: 2, una: 3, wnd: 1 }]);
    driver.receive();
    driver.handle(push(4));
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([4]);
  });
});

describe('row 14: the closed window', () => {
  const closed = (): EngineDriver => {
    const driver = new EngineDriver();
    driver.sendMany(3);
    driver.handle(windowTell(0));
    return driver;
  };

  it('is probed after 0.5 s, then every 1.5 times longer up to 5 s, and only while something waits', () => {
    const driver = closed();
    expect(driver.flush()).toEqual([]);
    const waits: number[] = [];
    for (let count = 0; count < 9; count++) {
      const before = driver.nowMs;
      expect(driver.flushAtDeadline()).toMatchObject([{ cmd: Command.windowAsk, len: 0 }]);
      waits.push(driver.nowMs - before);
    }
    expect(waits).toEqual([500, 750, 1125, 1687, 2530, 3795, 5000, 5000, 5000]);

    const idle = new EngineDriver();
    idle.handle(windowTell(0));
    idle.flush();
    expect(idle.engine.nextDeadline()).toBe(NEVER);
  });

  it('opens with any segment that says so', () => {
    for (const opening of [windowTell(2), ack(0, { wnd: 2 }), push(0, { wnd: 2 }), windowAsk({ wnd: 2 })]) {
      const driver = closed();
      driver.flush();
      driver.handle(opening);
      expect(sequencesOf(driver.flush(), Command.push)).toEqual([0, 1]);
    }
  });

  it('is opened by the receiver without being asked', () => {
    const driver = new EngineDriver({ receiveWindow: 8 });
    for (let sn = 0; sn < 8; sn++) driver.handle(push(sn));
    expect(driver.flush()).toMatchObject([{ cmd: Command.ack, wnd: 0 }]);
    driver.receive(3);
    expect(driver.flush()).toEqual([]);
    driver.receive();
    expect(driver.flush()).toMatchObject([{ cmd: Command.windowTell, wnd: 8, una: 8 }]);
    driver.receive();
    expect(driver.flush()).toEqual([]);
  });

  it('many questions in one turn get one answer', () => {
    const driver = new EngineDriver();
    driver.handle(...Array.from({ length: 50 }, () => windowAsk()));
    for (let count = 0; count < 50; count++) driver.handle(windowAsk());
    expect(driver.flush()).toMatchObject([{ cmd: Command.windowTell }]);
    expect(driver.flush()).toEqual([]);
  });

  it('a lost announcement costs one probe, not the stream', () => {
    let lost = 0;
    const link = { ...PERFECT_LINK, delayMs: 10 };
    const pair = new Pair({
      seed: 1,
      network: { name: 'test', text: '', forward: link, backward: link },
      left: { conv: CONV, stream: true, receiveWindow: 8 },
      observe: (from, _nowMs, bytes, offset, length) => {
        const segments = segmentsOf(bytes.slice(offset, offset + length));
        const isAnnouncement = from === pair.right && segments.some((one) => one.cmd === Command.windowTell);
        // The first announcement disappears.
        pair.backward.setProfile(isAnnouncement && lost++ === 0 ? { ...link, lossRate: 1 } : link);
      },
    });
    // The peer's window is known only once it spoke.
    pair.right.engine.send(Uint8Array.of(1), 0, 1);
    pair.runFor(100);
    const transfer = new StreamTransfer(pair.left, pair.right, 50_000);
    pair.left.markDirty();
    pair.right.pause();
    pair.runFor(300);
    expect(pair.left.engine.stats().peerWindow).toBe(0);
    pair.right.resume();
    expect(pair.runUntil(() => transfer.isDone, 5000)).toBe(true);
    expect(lost).toBeGreaterThan(0);
    expect(pair.left.engine.stats().windowProbesSent).toBeGreaterThan(0);
  });
});

describe('row 15: the dead link', () => {
  it('is dead with the twentieth transmission of one segment, not before', () => {
    const driver = new EngineDriver();
    driver.sendMany(1);
    driver.flush();
    for (let transmissions = 1; transmissions < 20; transmissions++) {
      expect(driver.engine.isDead).toBe(false);
      expect(driver.flushAtDeadline()).toHaveLength(1);
    }
    expect(driver.engine.isDead).toBe(true);
  });

  it('lives while each segment gets through in the end', () => {
    const driver = new EngineDriver({ deadLink: 3 });
    for (let sn = 0; sn < 20; sn++) {
      driver.sendMany(1);
      driver.flush();
      driver.flushAtDeadline();
      driver.handle(ack(sn, { ts: driver.nowMs, una: sn + 1 }));
    }
    expect(driver.engine.isDead).toBe(false);
  });
});

describe('row 16: the congestion window', () => {
  const reno = (): EngineDriver => new EngineDriver({ congestion: 'reno', fastResend: 2 });

  it('starts at one segment and grows with progress, up to the peer window', () => {
    const driver = reno();
    driver.sendMany(500);
    let una = 0;
    let widest = 0;
    for (let turn = 0; turn < 300; turn++) {
      const sent = sequencesOf(driver.flush(), Command.push);
      expect(sent.length).toBeGreaterThan(0);
      widest = Math.max(widest, driver.engine.stats().inFlight);
      una += 1;
      driver.nowMs += 1;
      driver.handle(ack(una - 1, { una, wnd: 5, ts: driver.nowMs }));
    }
    expect(widest).toBe(5);
    expect(driver.engine.stats().congestionWindow).toBe(5);
  });

  it('falls to one after a timeout and stays at two or more after a fast retransmission', () => {
    const driver = reno();
    driver.sendMany(100);
    driver.flush();
    for (let sn = 0; sn < 60; sn++) {
      driver.handle(ack(sn, { una: sn + 1, ts: driver.nowMs }));
      driver.flush();
    }
    const before = driver.engine.stats().congestionWindow;
    expect(before).toBeGreaterThan(4);
    driver.flushAtDeadline();
    expect(driver.engine.stats().congestionWindow).toBe(1);

    const small = reno();
    small.sendMany(10);
    small.flush();
    small.handle(ack(0, { una: 1, ts: small.nowMs }));
    small.flush();
    small.handle(ack(2, { una: 1, ts: small.nowMs }));
    small.handle(ack(2, { una: 1, ts: small.nowMs }));
    small.flush();
    expect(small.engine.stats()).toMatchObject({ fastRetransmits: 1, congestionWindow: 4 });
  });
});

describe('row 17: clocks that jump', () => {
  it('forward by an hour: what is in flight goes out once, and the deadline is ahead', () => {
    const driver = new EngineDriver();
    driver.sendMany(3);
    driver.flush();
    driver.nowMs += 3_600_000;
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([0, 1, 2]);
    expect(driver.flush()).toEqual([]);
    expect(driver.engine.nextDeadline()).toBeGreaterThan(driver.nowMs);
  });

  it('forward by 25 days, more than half of what 32 bits hold: still not stuck', () => {
    const driver = new EngineDriver();
    driver.sendMany(1);
    driver.flush();
    driver.nowMs += 25 * 86_400_000;
    let sent = driver.flush().length;
    for (let turn = 0; turn < 3 && sent === 0; turn++) sent += driver.flushAtDeadline().length;
    expect(sent).toBeGreaterThan(0);
  });

  it('backwards: nothing is lost and nothing spins', () => {
    const driver = new EngineDriver();
    driver.sendMany(3);
    driver.flush();
    driver.nowMs -= 500;
    driver.handle(push(0, { ts: 5 }));
    expect(driver.flush()).toMatchObject([{ cmd: Command.ack, sn: 0, ts: 5 }]);
    expect(driver.engine.nextDeadline()).toBeGreaterThan(driver.nowMs);
    expect(sequencesOf(driver.flushAtDeadline(), Command.push)).toEqual([0, 1, 2]);
  });

  it('a time stamp from the future is no round trip', () => {
    const driver = new EngineDriver();
    driver.sendMany(2);
    driver.flush();
    driver.handle(ack(0, { ts: driver.nowMs + 10 }));
    expect(driver.engine.stats()).toMatchObject({ srttMs: 0, rtoMs: 200, inFlight: 1 });
    driver.nowMs += 10;
    driver.handle(ack(1, { ts: driver.nowMs - 10 }));
    expect(driver.engine.stats()).toMatchObject({ srttMs: 10, inFlight: 0 });
  });
});

describe('row 18: many acknowledgements for one datagram', () => {
  it('58 empty segments in order get one', () => {
    const driver = new EngineDriver();
    driver.handle(...Array.from({ length: 58 }, (_, sn) => push(sn, { payload: new Uint8Array(0) })));
    expect(driver.flush()).toMatchObject([{ cmd: Command.ack, sn: 57, una: 58 }]);
  });

  it('58 copies of one segment get one', () => {
    for (const sn of [0, 5]) {
      const driver = new EngineDriver();
      driver.handle(...Array.from({ length: 58 }, () => push(sn, { payload: new Uint8Array(0) })));
      expect(sequencesOf(driver.flush(), Command.ack)).toEqual([sn]);
    }
  });

  it('segments with a gap before them get one each, once a turn', () => {
    const driver = new EngineDriver();
    for (let round = 0; round < 5; round++) for (const sn of [3, 9, 6]) driver.handle(push(sn));
    expect(sequencesOf(driver.flush(), Command.ack).toSorted((a, b) => a - b)).toEqual([3, 6, 9]);
    expect(driver.flush()).toEqual([]);
  });

  it('a place in the ring that is used again in the same turn is acknowledged again', () => {
    const driver = new EngineDriver({ receiveWindow: 8 });
    driver.handle(push(1));
    driver.handle(push(0));
    expect(driver.receive()).toHaveLength(2);
    // Segment 9 takes the place segment 1 had.
    driver.handle(push(9));
    driver.handle(push(5));
    expect(sequencesOf(driver.flush(), Command.ack).toSorted((a, b) => a - b)).toEqual([5, 9]);
  });
});

describe('row 19: another MTU while data is queued', () => {
  it('leaves what was cut and cuts the rest anew', () => {
    const driver = new EngineDriver({ mtu: 1400, stream: true });
    driver.send(bytesOf(2 * 1376));
    driver.engine.setMtu(500);
    driver.send(bytesOf(1000));
    const datagrams = driver.drain();
    expect(datagrams.map((bytes) => bytes.length)).toEqual([1400, 1400, 500, 500, 24 + 1000 - 2 * 476]);
    driver.engine.setMtu(1400);
    driver.send(bytesOf(1376));
    expect(driver.drain().map((bytes) => bytes.length)).toEqual([1400]);
  });

  it('does not overfill the last segment of a stream', () => {
    const driver = new EngineDriver({ mtu: 1400, stream: true });
    driver.send(bytesOf(1000));
    driver.engine.setMtu(500);
    driver.send(bytesOf(10));
    expect(driver.flush().map((one) => one.len)).toEqual([1000, 10]);
  });

  it('refuses an MTU without room for data', () => {
    const driver = new EngineDriver();
    expect(() => {
      driver.engine.setMtu(24);
    }).toThrow(RangeError);
    driver.engine.setMtu(25);
    driver.send(bytesOf(3));
    expect(driver.drain().map((bytes) => bytes.length)).toEqual([25, 25, 25]);
  });
});

describe('row 20: both ways of acknowledging', () => {
  const sent = (): EngineDriver => {
    const driver = new EngineDriver();
    driver.sendMany(6);
    driver.flush();
    driver.nowMs += 30;
    return driver;
  };

  it('an ACK for each segment, as the C reference sends it', () => {
    const driver = sent();
    driver.handle(...[0, 1, 2, 3, 4, 5].map((sn) => ack(sn, { ts: 1000, una: 6 })));
    expect(driver.engine.stats()).toMatchObject({
      inFlight: 0,
      srttMs: 30,
      timeoutRetransmits: 0,
      fastRetransmits: 0,
    });
    expect(driver.flush()).toEqual([]);
  });

  it('una and the last ACK only, as kcp-go sends it', () => {
    const driver = sent();
    driver.handle(ack(5, { ts: 1000, una: 6 }));
    expect(driver.engine.stats()).toMatchObject({
      inFlight: 0,
      srttMs: 30,
      timeoutRetransmits: 0,
      fastRetransmits: 0,
    });
    expect(driver.flush()).toEqual([]);
  });
});

function resent(pair: Pair): number {
  const { timeoutRetransmits, fastRetransmits } = pair.left.engine.stats();
  return timeoutRetransmits + fastRetransmits;
}
