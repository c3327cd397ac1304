import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { SendBuffer } from '../../../src/kcp/send-buffer.ts';
import { ahead } from '../../../src/kcp/sequence.ts';

const SEGMENT_BYTES = 10;

function bufferWith(sent: number, first = 0) {
  const pool = new SegmentPool({ slotBytes: 16 });
  const buffer = new SendBuffer(pool, first);
  for (let index = 0; index < sent; index++) {
    buffer.append(pool.acquire(), SEGMENT_BYTES, 0);
    buffer.markFirstSend(index, index + 100, 100);
  }
  return { pool, buffer };
}

/** Segments in flight, in the order they were last sent. */
function flightOf(buffer: SendBuffer): number[] {
  const numbers: number[] = [];
  let sn = buffer.oldestInFlight;
  for (let left = buffer.flightCount; left > 0; left--) {
    numbers.push(sn);
    if (left === 1) expect(sn).toBe(buffer.newestInFlight);
    else sn = buffer.sentAfter(sn);
  }
  return numbers;
}

describe('the send buffer', () => {
  it('frees what is acknowledged and moves una over it', () => {
    const { pool, buffer } = bufferWith(5);
    expect(buffer.acknowledge(2)).toBe(true);
    expect(buffer.acknowledge(2)).toBe(false);
    expect(buffer.acknowledge(5)).toBe(false);
    expect(buffer.una).toBe(0);
    expect(pool.usedSlots).toBe(4);
    expect(buffer.acknowledgeBelow(2)).toBe(2);
    expect(buffer.una).toBe(3);
    expect(buffer.inFlight).toBe(2);
    expect(buffer.bytes).toBe(2 * SEGMENT_BYTES);
  });

  it('counts the messages of which not all is acknowledged', () => {
    const pool = new SegmentPool({ slotBytes: 16 });
    const buffer = new SendBuffer(pool, -4);
    // Messages of 3, 1, 2, 1 and 2 segments; the last is not sent yet.
    for (const fragment of [2, 1, 0, 0, 1, 0, 0]) {
      buffer.append(pool.acquire(), SEGMENT_BYTES, fragment);
      buffer.markFirstSend(0, 100, 100);
    }
    for (const fragment of [1, 0]) buffer.append(pool.acquire(), SEGMENT_BYTES, fragment);
    expect(buffer.unacknowledgedMessages).toBe(5);
    buffer.acknowledgeBelow(-2);
    expect(buffer.unacknowledgedMessages).toBe(5);
    buffer.acknowledge(-1);
    buffer.acknowledge(2);
    expect(buffer.unacknowledgedMessages).toBe(3);
    buffer.acknowledge(1);
    expect(buffer.unacknowledgedMessages).toBe(3);
    buffer.acknowledge(0);
    expect(buffer.unacknowledgedMessages).toBe(2);
  });

  it('counts a segment as overtaken only by what was sent no earlier', () => {
    const { buffer } = bufferWith(4);
    buffer.countFastAck(3, 3, 2);
    expect([0, 1, 2, 3].map((sn) => buffer.fastAcksOf(sn))).toEqual([1, 1, 1, 0]);
    buffer.markResend(0, 50, 150, 100);
    buffer.countFastAck(3, 3, 2);
    expect([0, 1, 2, 3].map((sn) => buffer.fastAcksOf(sn))).toEqual([0, 2, 2, 0]);
    expect(buffer.lostCount).toBe(2);
    buffer.markResend(1, 51, 151, 100);
    buffer.forgiveLost(2);
    expect(buffer.lostCount).toBe(0);
  });

  it('behaves like a list of segments, anywhere in the number space', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.nat(16) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const) }) },
      fc.record({ kind: fc.constant('resend' as const), index: fc.nat() }),
      fc.record({ kind: fc.constant('acknowledge' as const), by: fc.integer({ min: -3, max: 12 }) }),
      fc.record({ kind: fc.constant('una' as const), share: fc.nat(100) }),
      fc.record({ kind: fc.constant('fastAck' as const), by: fc.nat(12), age: fc.nat(6) }),
      fc.record({ kind: fc.constant('trim' as const) }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom<number>(0, -5, 0x7ffffffa),
        fc.array(step, { maxLength: 150 }),
        (first, steps) => {
          const pool = new SegmentPool({ slotBytes: 16 });
          const buffer = new SendBuffer(pool, first);
          /** Bytes held per sn. */
          const held = new Map<number, number>();
          let flight: number[] = [];
          let una = first;
          let next = first;
          let end = first;
          let nowMs = 0;
          const free = (sn: number): void => {
            held.delete(sn);
            flight = flight.filter((other) => other !== sn);
          };
          const skip = (): void => {
            while (una !== next && !held.has(una)) una = (una + 1) | 0;
          };
          for (const action of steps) {
            nowMs++;
            switch (action.kind) {
              case 'append':
                buffer.append(action.bytes === 0 ? -1 : pool.acquire(), action.bytes, 0);
                held.set(end, action.bytes);
                end = (end + 1) | 0;
                break;
              case 'send':
                if (next === end) break;
                buffer.markFirstSend(nowMs, nowMs + 100, 100);
                flight.push(next);
                next = (next + 1) | 0;
                break;
              case 'resend': {
                const sn = flight[action.index % Math.max(1, flight.length)];
                if (sn === undefined) break;
                const transmits = buffer.transmitsOf(sn);
                buffer.markResend(sn, nowMs, nowMs + 100, 100);
                expect(buffer.transmitsOf(sn)).toBe(transmits + 1);
                expect(buffer.isLost(sn)).toBe(false);
                flight = [...flight.filter((other) => other !== sn), sn];
                break;
              }
              case 'acknowledge': {
                const sn = (una + action.by) | 0;
                expect(buffer.acknowledge(sn)).toBe(flight.includes(sn));
                if (flight.includes(sn)) free(sn);
                skip();
                break;
              }
              case 'una': {
                const target = (una + Math.floor((ahead(next, una) * action.share) / 100)) | 0;
                const before = flight.length;
                const freed = buffer.acknowledgeBelow(target);
                for (; una !== target; una = (una + 1) | 0) free(una);
                skip();
                expect(freed).toBe(before - flight.length);
                break;
              }
              case 'fastAck':
                buffer.countFastAck((una + action.by) | 0, nowMs - action.age, 2);
                break;
              case 'trim':
                buffer.trim();
                break;
            }
            expect(buffer).toMatchObject({ una, next, end, flightCount: flight.length });
            expect(flightOf(buffer)).toEqual(flight);
            expect(buffer.bytes).toBe([...held.values()].reduce((sum, bytes) => sum + bytes, 0));
            expect(buffer.lostCount).toBe(flight.filter((sn) => buffer.isLost(sn)).length);
            expect(pool.usedSlots).toBe([...held.values()].filter((bytes) => bytes > 0).length);
          }
          buffer.dispose();
          expect(pool.usedSlots).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
