import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { resolveKcpConfig } from '../../../src/kcp/config.ts';
import { KcpEngine } from '../../../src/kcp/engine.ts';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { Command } from '../../../src/wire/command.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { CONV, EngineDriver, ack, push, segmentsOf, sequencesOf, windowTell } from './engine-driver.ts';

const HEADER_BYTES = 24;

describe('timeouts', () => {
  it('grow by half each time, up to a minute', () => {
    const driver = new EngineDriver({ deadLink: 1000 });
    driver.sendMany(1);
    driver.flush();
    const waits: number[] = [];
    for (let turn = 0; turn < 17; turn++) {
      const before = driver.nowMs;
      expect(sequencesOf(driver.flushAtDeadline(), Command.push)).toEqual([0]);
      waits.push(driver.nowMs - before);
    }
    expect(waits.slice(0, 4)).toEqual([200, 300, 450, 675]);
    expect(waits.slice(-2)).toEqual([60_000, 60_000]);
  });

  it('give a first transmission an eighth more without nodelay', () => {
    for (const [nodelay, waitMs] of [
      [true, 200],
      [false, 225],
    ] as const) {
      const driver = new EngineDriver({ nodelay });
      driver.sendMany(1);
      driver.flush();
      expect(driver.engine.nextDeadline()).toBe(driver.nowMs + waitMs);
    }
  });

  it('go by the round trips measured, and end with the acknowledgement', () => {
    const driver = new EngineDriver({ intervalMs: 10 });
    driver.sendMany(1);
    driver.flush();
    driver.nowMs += 80;
    driver.handle(ack(0, { ts: driver.nowMs - 80, una: 1 }));
    expect(driver.engine.stats()).toMatchObject({ srttMs: 80, rttvarMs: 40, rtoMs: 240 });
    driver.sendMany(1);
    driver.flush();
    driver.nowMs += 239;
    expect(driver.flush()).toEqual([]);
    driver.nowMs += 1;
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([1]);
    driver.handle(ack(1, { ts: driver.nowMs, una: 2 }));
    driver.flushAtDeadline();
    expect(driver.engine.nextDeadline()).toBe(NEVER);
  });
});

describe('loss detection', () => {
  it('does not blame a retransmission for what left in the same millisecond', () => {
    const driver = new EngineDriver({ fastResend: 1 });
    driver.sendMany(2);
    driver.flush();
    driver.nowMs += 20;
    driver.handle(ack(1, { ts: driver.nowMs - 20 }));
    driver.sendMany(1);
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([0, 2]);
    driver.nowMs += 20;
    driver.handle(ack(2, { ts: driver.nowMs - 20 }));
    expect(driver.flush()).toEqual([]);
  });
});

describe('packing', () => {
  it.each([
    { sizes: [10, 10], mtu: 2 * HEADER_BYTES + 20, datagrams: 1 },
    { sizes: [10, 11], mtu: 2 * HEADER_BYTES + 20, datagrams: 2 },
    { sizes: [10, 10, 10], mtu: 2 * HEADER_BYTES + 20, datagrams: 2 },
  ])(
    'puts segments of $sizes into $datagrams datagram(s) of at most $mtu bytes',
    ({ sizes, mtu, datagrams }) => {
      const driver = new EngineDriver({ mtu });
      for (const size of sizes) driver.send(new Uint8Array(size));
      const written = driver.drain();
      expect(written).toHaveLength(datagrams);
      for (const bytes of written) expect(bytes.length).toBeLessThanOrEqual(mtu);
      expect(written.flatMap(segmentsOf).map((one) => one.len)).toEqual(sizes);
    },
  );

  it('puts ACKs before the data and tells una and window in each segment', () => {
    const driver = new EngineDriver({ receiveWindow: 16 });
    driver.handle(push(0), push(1), push(3));
    driver.sendMany(1);
    const segments = driver.flush();
    expect(segments.map((one) => one.cmd)).toEqual([Command.ack, Command.push]);
    for (const one of segments) expect(one).toMatchObject({ conv: CONV, una: 2, wnd: 14 });
  });

  it('goes on where a full arena stopped it', () => {
    const driver = new EngineDriver({ mtu: 100 });
    driver.handle(...Array.from({ length: 10 }, (_, index) => push(2 * index + 1)));
    driver.sendMany(20);
    const arena = new DatagramArena(250);
    const segments: { readonly cmd: number; readonly sn: number }[] = [];
    let calls = 1;
    const keep = (bytes: Uint8Array, offset: number, length: number): void => {
      segments.push(...segmentsOf(bytes.slice(offset, offset + length)));
    };
    for (; driver.engine.pollTransmit(driver.nowMs, arena); calls++) arena.drain(keep);
    arena.drain(keep);
    expect(calls).toBeGreaterThan(3);
    const numbers = (cmd: number): number[] =>
      segments
        .filter((one) => one.cmd === cmd)
        .map((one) => one.sn)
        .sort((a, b) => a - b);
    expect(numbers(Command.ack)).toEqual(Array.from({ length: 10 }, (_, index) => 2 * index + 1));
    expect(numbers(Command.push)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });
});

describe('the send queue', () => {
  it('takes part of a stream, and no more until there is room', () => {
    const driver = new EngineDriver({ stream: true, maxQueueBytes: 1000 });
    expect(driver.send(new Uint8Array(700))).toBe(700);
    expect(driver.send(new Uint8Array(700))).toBe(300);
    expect(driver.send(new Uint8Array(700))).toBe(0);
    const sent = driver.flush();
    driver.handle(ack(sent.length - 1, { ts: driver.nowMs, una: sent.length }));
    expect(driver.send(new Uint8Array(700))).toBe(700);
  });

  it('takes whole messages only', () => {
    const driver = new EngineDriver({ maxQueueBytes: 1000 });
    expect(driver.send(new Uint8Array(700))).toBe(700);
    expect(driver.send(new Uint8Array(700))).toBe(0);
    expect(driver.send(new Uint8Array(300))).toBe(300);
    expect(driver.engine.queueBytes).toBe(1000);
  });

  it('counts tiny messages by the memory they take', () => {
    const driver = new EngineDriver({ sendWindow: 10, maxQueueBytes: 100 * 1376 });
    let taken = 0;
    while (driver.send(Uint8Array.of(1)) === 1) taken++;
    expect(taken).toBeLessThanOrEqual(100);
    expect(driver.pool.usedSlots).toBe(taken);
  });

  it('takes nothing when payload memory is out, and loses nothing of what it has', () => {
    const pool = new SegmentPool({ slotBytes: 1400, maxBytes: 1400 * 4 });
    const engine = new KcpEngine(resolveKcpConfig({ conv: 1 }), pool);
    const bytes = new Uint8Array(3 * 1376);
    expect(engine.send(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(engine.send(bytes, 0, bytes.length)).toBe(0);
    expect(engine.queueBytes).toBe(bytes.length);
    engine.dispose();
    expect(pool.usedSlots).toBe(0);
  });
});

describe('announcing', () => {
  it('sends NEW with an empty address block until the first ACK', () => {
    const driver = new EngineDriver({ announce: true });
    driver.send(Uint8Array.of(7));
    const [first] = driver.drain();
    expect(first).toHaveLength(HEADER_BYTES + 20 + 1);
    expect(first?.[4]).toBe(Command.new);
    expect(first?.[first.length - 1]).toBe(7);
    driver.handle(ack(0, { ts: driver.nowMs, una: 1 }));
    driver.send(Uint8Array.of(8));
    expect(driver.flush()).toMatchObject([{ cmd: Command.push, sn: 1, len: 1 }]);
  });

  it('is understood by the other side', () => {
    const left = new EngineDriver({ announce: true });
    const right = new EngineDriver();
    left.send(Uint8Array.of(1, 2, 3));
    for (const bytes of left.drain()) expect(right.handle(bytes)).toBe(0);
    expect(right.receive()).toEqual([Uint8Array.of(1, 2, 3)]);
  });
});

describe('a quiet engine', () => {
  it('asks for no wake-up and works on after giving its memory back', () => {
    const driver = new EngineDriver();
    expect(driver.engine.nextDeadline()).toBe(NEVER);
    for (let round = 0; round < 3; round++) {
      driver.handle(push(round, { una: round }));
      driver.sendMany(1);
      driver.receive();
      expect(driver.flush()).toHaveLength(2);
      driver.handle(windowTell(128, { una: round + 1 }));
      driver.flushAtDeadline();
      expect(driver.engine.nextDeadline()).toBe(NEVER);
      driver.engine.trim();
    }
    expect(driver.pool.usedSlots).toBe(0);
  });
});
