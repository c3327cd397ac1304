import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveBuffer, Stored } from '../../../src/kcp/receive-buffer.ts';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { ahead } from '../../../src/kcp/sequence.ts';

/** Bytes that tell which `sn` they belong to. */
function payloadOf(sn: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, sn | 0);
  return bytes;
}

const store = (buffer: ReceiveBuffer, sn: number, fragment = 0): number =>
  buffer.store(sn | 0, fragment, payloadOf(sn), 0, 4);

function taken(buffer: ReceiveBuffer, limit = Infinity): number[] {
  const numbers: number[] = [];
  const write = (bytes: Uint8Array, offset: number): boolean => {
    numbers.push(new DataView(bytes.buffer, bytes.byteOffset).getInt32(offset));
    return numbers.length < limit;
  };
  buffer.deliver({ write });
  return numbers;
}

describe('the receive buffer', () => {
  it('tells what became of each segment', () => {
    const buffer = new ReceiveBuffer(new SegmentPool(), 4, 0);
    expect(store(buffer, 0)).toBe(Stored.inOrder);
    expect(store(buffer, 2)).toBe(Stored.early);
    expect(store(buffer, 2)).toBe(Stored.duplicate);
    expect(store(buffer, 0)).toBe(Stored.old);
    expect(store(buffer, 4)).toBe(Stored.beyondWindow);
    expect(store(buffer, 1)).toBe(Stored.inOrder);
    expect(buffer.next).toBe(3);
    expect(taken(buffer)).toEqual([0, 1, 2]);
    expect(store(buffer, 4)).toBe(Stored.early);
  });

  it('never holds more than the window, taken or not', () => {
    const pool = new SegmentPool();
    const buffer = new ReceiveBuffer(pool, 4, 0);
    for (let sn = 0; sn < 10; sn++) store(buffer, sn);
    expect(pool.usedSlots).toBe(4);
    expect(buffer.freeSegments).toBe(0);
    expect(taken(buffer, 1)).toEqual([0]);
    expect(buffer.freeSegments).toBe(1);
  });

  it('delivers whole messages only and knows when one can never be whole', () => {
    const buffer = new ReceiveBuffer(new SegmentPool(), 4, 0);
    store(buffer, 0, 1);
    expect(buffer.hasMessage).toBe(false);
    store(buffer, 1, 0);
    expect(buffer.hasMessage).toBe(true);
    expect(taken(buffer)).toEqual([0, 1]);
    for (let sn = 2; sn < 6; sn++) {
      expect(buffer.isWedged).toBe(false);
      store(buffer, sn, 9);
    }
    expect(buffer.isWedged).toBe(true);
  });

  it('refuses a segment when there is no memory, and takes it later', () => {
    const pool = new SegmentPool({ slotBytes: 8, maxBytes: 16 });
    const buffer = new ReceiveBuffer(pool, 8, 0);
    store(buffer, 0);
    store(buffer, 1);
    expect(store(buffer, 2)).toBe(Stored.noMemory);
    expect(buffer.next).toBe(2);
    expect(taken(buffer)).toEqual([0, 1]);
    expect(store(buffer, 2)).toBe(Stored.inOrder);
  });

  it('takes a segment half a number space ahead for what it is: beyond the window', () => {
    for (const far of [0x7fffffff, 0x7ffffffe, 0x7ffffff0, 0x40000000, 8]) {
      const buffer = new ReceiveBuffer(new SegmentPool(), 8, 0);
      for (let sn = 0; sn < 5; sn++) store(buffer, sn);
      expect(store(buffer, buffer.next + far)).toBe(Stored.beyondWindow);
    }
  });

  it('gives every slot back, on delivery and on disposal', () => {
    const pool = new SegmentPool();
    const buffer = new ReceiveBuffer(pool, 16, 0);
    for (const sn of [0, 1, 2, 7, 9]) store(buffer, sn);
    taken(buffer, 2);
    expect(pool.usedSlots).toBe(3);
    buffer.dispose();
    expect(pool.usedSlots).toBe(0);
  });

  it('behaves like a sorted set of segments, anywhere in the number space', () => {
    const near = fc.integer({ min: -20, max: 40 });
    const far = fc.integer({ min: -0x80000000, max: 0x7fffffff });
    const arrival = fc.record({
      kind: fc.constant('arrival' as const),
      by: fc.oneof({ weight: 9, arbitrary: near }, far, fc.constantFrom(0x7fffffff, 0x7ffffffe, -0x80000000)),
      fragment: fc.constantFrom(0, 0, 0, 1, 2, 255),
    });
    const take = fc.record({ kind: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 8 }) });
    const start = fc.constantFrom<number>(0, -3, 0x7ffffffd, 1000);
    const window = fc.integer({ min: 1, max: 33 });
    fc.assert(
      fc.property(
        start,
        window,
        fc.array(fc.oneof({ weight: 4, arbitrary: arrival }, take)),
        (first, size, steps) => {
          const pool = new SegmentPool({ slotBytes: 8 });
          const buffer = new ReceiveBuffer(pool, size, first);
          const fragments = new Map<number, number>();
          let undelivered = first;
          let next = first;
          for (const step of steps) {
            if (step.kind === 'arrival') {
              const sn = (next + step.by) | 0;
              const isFresh = step.by >= 0 && step.by < size - ahead(next, undelivered) && !fragments.has(sn);
              const stored = store(buffer, sn, step.fragment);
              expect(stored <= Stored.early).toBe(isFresh);
              if (isFresh) fragments.set(sn, step.fragment);
              while (fragments.has(next)) next = (next + 1) | 0;
            } else {
              let complete = undelivered;
              for (let sn = undelivered; sn !== next; sn = (sn + 1) | 0) {
                if (fragments.get(sn) === 0) complete = (sn + 1) | 0;
              }
              const expected: number[] = [];
              while (undelivered !== complete && expected.length < step.limit) {
                expected.push(undelivered);
                fragments.delete(undelivered);
                undelivered = (undelivered + 1) | 0;
              }
              expect(taken(buffer, step.limit)).toEqual(expected);
            }
            expect(buffer.next).toBe(next);
            expect(buffer.undelivered).toBe(undelivered);
            expect(buffer.freeSegments).toBe(size - ahead(next, undelivered));
            expect(pool.usedSlots).toBe(fragments.size);
          }
          buffer.dispose();
          expect(pool.usedSlots).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
