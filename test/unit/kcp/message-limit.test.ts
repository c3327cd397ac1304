import { describe, expect, it } from 'vitest';
import { SendError } from '../../../src/base/sink.ts';
import { resolveKcpConfig, type KcpOptions } from '../../../src/kcp/config.ts';
import { KcpEngine } from '../../../src/kcp/engine.ts';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { Command } from '../../../src/wire/command.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import { Pair } from '../../simulation/pair.ts';
import { CONV, EngineDriver, ack, push, sequencesOf, windowTell } from './engine-driver.ts';

const MESSAGE_BYTES = 65_535;
/** What is left of 1400 bytes by a seal and an address block. */
const SEALED_MTU = 1352;
const SEGMENTS = Math.ceil(MESSAGE_BYTES / (SEALED_MTU - 24));

describe('a message of 65,535 bytes', () => {
  const sealed = (options: Partial<KcpOptions> = {}): EngineDriver =>
    new EngineDriver({ mtu: SEALED_MTU, maxMessageBytes: MESSAGE_BYTES, ...options });

  it('is 50 segments', () => {
    expect(SEGMENTS).toBe(50);
    const driver = sealed();
    driver.handle(windowTell(128));
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(MESSAGE_BYTES);
    const segments = driver.flush();
    expect(segments.map((one) => one.frg)).toEqual(Array.from({ length: 50 }, (_, index) => 49 - index));
  });

  it('can never be sent to a peer whose window is known to be smaller', () => {
    for (const window of [1, 32, 49]) {
      const driver = sealed();
      driver.handle(windowTell(window));
      expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(SendError.tooLarge);
    }
    const driver = sealed();
    driver.handle(windowTell(50));
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(MESSAGE_BYTES);
  });

  it('waits while the peer may yet tell a larger window', () => {
    const driver = sealed();
    driver.sendMany(1);
    driver.flush();
    // The peer holds something: this is what is free, not what it has.
    driver.handle(ack(0, { una: 0, wnd: 33, ts: 1000 }));
    driver.sendMany(1);
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(0);
    driver.flush();
    driver.handle(ack(1, { una: 2, wnd: 64, ts: 1000 }));
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(MESSAGE_BYTES);
  });

  it('waits for room in the queue', () => {
    const driver = sealed({ maxQueueBytes: 100_000 });
    driver.handle(windowTell(128));
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(MESSAGE_BYTES);
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(0);
    driver.flush();
    driver.handle(ack(SEGMENTS - 1, { una: SEGMENTS, ts: 1000 }));
    expect(driver.send(new Uint8Array(MESSAGE_BYTES))).toBe(MESSAGE_BYTES);
  });

  it.each([
    { sendWindow: 1, receiveWindow: 50, maxQueueBytes: 1 },
    { sendWindow: 20, receiveWindow: 64, maxQueueBytes: 65_535 },
    { sendWindow: 1024, receiveWindow: 1024, maxQueueBytes: 1 << 20 },
  ])(
    'arrives whole, one after the other, with $sendWindow/$receiveWindow segments and a queue of $maxQueueBytes',
    (windows) => {
      const link = { ...PERFECT_LINK, delayMs: 10, lossRate: 0.02 };
      const pair = new Pair({
        seed: 5,
        network: { name: 'lossy', text: '', forward: link, backward: link },
        left: { conv: CONV, mtu: SEALED_MTU, maxMessageBytes: MESSAGE_BYTES, ...windows },
      });
      const message = Uint8Array.from({ length: MESSAGE_BYTES }, (_, index) => (index * 31) & 0xff);
      let sent = 0;
      let received = 0;
      let length = 0;
      pair.left.beforeTransmit = () => {
        while (sent < 5 && pair.left.engine.send(message, 0, message.length) === message.length) sent++;
      };
      pair.right.receive = (bytes, offset, count, endOfMessage) => {
        for (let i = 0; i < count; i++) {
          if (bytes[offset + i] !== message[length + i])
            throw new Error(`byte ${String(length + i)} is wrong`);
        }
        length += count;
        if (!endOfMessage) return true;
        expect(length).toBe(MESSAGE_BYTES);
        length = 0;
        received++;
        return true;
      };
      expect(pair.runUntil(() => received === 5, 60_000)).toBe(true);
      expect(pair.right.engine.isOversize).toBe(false);
    },
  );
});

describe('the largest message', () => {
  it('is refused by one byte, in message mode only, before anything is queued', () => {
    const driver = new EngineDriver({ maxMessageBytes: 3000 });
    expect(driver.send(new Uint8Array(3001))).toBe(SendError.tooLarge);
    expect(driver.engine.queueBytes).toBe(0);
    expect(driver.send(new Uint8Array(3000))).toBe(3000);
    const stream = new EngineDriver({ maxMessageBytes: 3000, stream: true });
    expect(stream.send(new Uint8Array(3001))).toBe(3001);
  });

  it('is as large as its 255 pieces without a limit of its own', () => {
    for (const maxMessageBytes of [undefined, 0]) {
      const driver = new EngineDriver({ mtu: 124, ...(maxMessageBytes === 0 && { maxMessageBytes }) });
      driver.handle(windowTell(1000));
      expect(driver.send(new Uint8Array(25_501))).toBe(SendError.tooLarge);
      expect(driver.send(new Uint8Array(25_500))).toBe(25_500);
    }
  });

  it('has a range', () => {
    for (const maxMessageBytes of [-1, 0.5, 16 * 1024 * 1024 + 1, NaN]) {
      expect(() => resolveKcpConfig({ conv: 1, maxMessageBytes })).toThrow(/maxMessageBytes/u);
    }
    expect(resolveKcpConfig({ conv: 1 }).maxMessageBytes).toBe(0);
    expect(resolveKcpConfig({ conv: 1, maxMessageBytes: 16 * 1024 * 1024 }).maxMessageBytes).toBe(1 << 24);
  });
});

describe('a message that is larger than allowed', () => {
  const piece = (sn: number, frg: number, bytes = 100): Uint8Array =>
    push(sn, { frg, payload: new Uint8Array(bytes).fill(sn) });

  it('is known by its first piece too many; nothing of it is delivered, what was before it is', () => {
    const driver = new EngineDriver({ maxMessageBytes: 300 });
    driver.handle(piece(0, 1), piece(1, 0), piece(2, 9), piece(3, 8), piece(4, 7));
    expect(driver.engine.isOversize).toBe(false);
    driver.handle(piece(5, 6, 1));
    expect(driver.engine.isOversize).toBe(true);
    expect(driver.receive().map((message) => message.length)).toEqual([200]);
    expect(driver.engine.isOversize).toBe(true);
    expect(driver.engine.hasMessage).toBe(false);
    // The piece too many was not acknowledged.
    expect(driver.flush()).toMatchObject([{ cmd: Command.ack, sn: 4, una: 5 }]);
  });

  it('of exactly the limit is not', () => {
    const driver = new EngineDriver({ maxMessageBytes: 300 });
    driver.handle(piece(0, 2), piece(1, 1), piece(2, 0), piece(3, 2), piece(4, 1), piece(5, 0));
    expect(driver.engine.isOversize).toBe(false);
    expect(driver.receive().map((message) => message.length)).toEqual([300, 300]);
  });

  it('holds no more memory, whatever follows', () => {
    const driver = new EngineDriver({ maxMessageBytes: 300, receiveWindow: 128 });
    driver.handle(piece(0, 9), piece(1, 8), piece(2, 7), piece(3, 6));
    expect(driver.engine.isOversize).toBe(true);
    expect(driver.pool.usedSlots).toBe(3);
    for (let sn = 3; sn < 100; sn++) driver.handle(piece(sn, 0));
    expect(driver.pool.usedSlots).toBe(3);
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([2]);
    // Repeats of what arrived are acknowledged, as ever.
    driver.handle(piece(1, 8));
    expect(sequencesOf(driver.flush(), Command.ack)).toEqual([1]);
    expect(driver.receive()).toEqual([]);
    driver.engine.dispose();
    expect(driver.pool.usedSlots).toBe(0);
  });

  it('is known when a gap closes before pieces that came early', () => {
    const driver = new EngineDriver({ maxMessageBytes: 300, receiveWindow: 64 });
    for (let sn = 1; sn < 20; sn++) driver.handle(piece(sn, 19 - sn));
    expect(driver.engine.isOversize).toBe(false);
    driver.handle(piece(0, 19));
    expect(driver.engine.isOversize).toBe(true);
    expect(driver.engine.expectedSequence).toBe(3);
    const held = driver.pool.usedSlots;
    for (let sn = 20; sn < 64; sn++) driver.handle(piece(sn, 0));
    expect(driver.pool.usedSlots).toBeLessThanOrEqual(held + 1);
    expect(driver.receive()).toEqual([]);
    expect(driver.engine.mayEndAt(21)).toBe(true);
    driver.engine.setPeerEnd(21);
    driver.engine.dispose();
    expect(driver.pool.usedSlots).toBe(0);
  });

  it('of one piece is stopped on the direct way, too', () => {
    const taken: number[] = [];
    const direct = {
      takesNow: true,
      write: (_bytes: Uint8Array, _offset: number, length: number): boolean => taken.push(length) > 0,
    };
    const engine = new KcpEngine(
      resolveKcpConfig({ conv: CONV, maxMessageBytes: 100 }),
      new SegmentPool(),
      undefined,
      direct,
    );
    const handle = (bytes: Uint8Array): number =>
      engine.handleDatagram(1000, bytes, new DataView(bytes.buffer), 0, bytes.length);
    handle(piece(0, 0, 100));
    // Pieces of a message wait for its end: none is handed out directly.
    handle(piece(1, 1, 60));
    expect(taken).toEqual([100]);
    handle(piece(2, 0, 40));
    engine.receive(direct);
    expect(taken).toEqual([100, 60, 40]);
    handle(piece(3, 0, 101));
    expect([engine.isOversize, taken.length]).toEqual([true, 3]);
    handle(piece(4, 0, 1));
    expect([engine.expectedSequence, taken.length]).toEqual([3, 3]);
  });

  it('means nothing in a stream', () => {
    const driver = new EngineDriver({ maxMessageBytes: 50, stream: true });
    driver.handle(piece(0, 0), piece(1, 0));
    expect(driver.engine.isOversize).toBe(false);
    expect(driver.receive()).toHaveLength(2);
  });
});
