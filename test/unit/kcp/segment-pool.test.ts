import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { HeapSampler } from '../../../tools/kcpgate/bench/heap-sampler.ts';

const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 17) & 0xff);

describe('the segment pool', () => {
  it('holds no memory until the first slot is taken', () => {
    const pool = new SegmentPool({ slotBytes: 100, maxBytes: 1_000_000 });
    expect(pool.heldBytes).toBe(0);
    expect(pool.acquire()).toBeGreaterThanOrEqual(0);
    expect(pool.heldBytes).toBeGreaterThan(0);
  });

  it('stops at its limit and goes on when a slot comes back', () => {
    const pool = new SegmentPool({ slotBytes: 64, maxBytes: 64 * 300 });
    const slots = Array.from({ length: 300 }, () => pool.acquire());
    expect(new Set(slots).size).toBe(300);
    expect(slots).not.toContain(-1);
    expect(pool.acquire()).toBe(-1);
    expect(pool.availableSlots).toBe(0);
    pool.release(slots[7] ?? -1);
    expect(pool.acquire()).toBe(slots[7]);
    expect(pool.acquire()).toBe(-1);
  });

  it('gives memory back, but for a reserve, when the last slot is free, and works on', () => {
    const pool = new SegmentPool({ slotBytes: 64, maxBytes: 64 * 10_000 });
    for (let round = 0; round < 3; round++) {
      const slots = Array.from({ length: 10_000 }, () => pool.acquire());
      expect(new Set(slots).size).toBe(10_000);
      const held = pool.heldBytes;
      for (const slot of slots) pool.release(slot);
      expect(pool.usedSlots).toBe(0);
      expect(pool.heldBytes).toBeLessThan(held / 2);
    }
  });

  it('keeps every slot apart from the others, at every length and offset', () => {
    const operation = fc.record({
      length: fc.integer({ min: 0, max: 200 }),
      offset: fc.integer({ min: 0, max: 300 }),
      isReceived: fc.boolean(),
      release: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 300 }), (operations) => {
        const pool = new SegmentPool({ slotBytes: 200, maxBytes: 200 * 150 });
        const slab = new Uint8Array(1024);
        const held: { slot: number; bytes: Uint8Array }[] = [];
        operations.forEach(({ length, offset, isReceived, release }, index) => {
          const slot = pool.acquire();
          if (slot >= 0) {
            const bytes = pattern(length, index);
            slab.set(bytes, offset);
            if (isReceived) pool.storeReceived(slot, slab, offset, length);
            else pool.storeSent(slot, 0, slab, offset, length);
            slab.fill(0xee);
            held.push({ slot, bytes });
          }
          if (release % 3 === 0 && held.length > 0) {
            const [gone] = held.splice(release % held.length, 1);
            if (gone !== undefined) pool.release(gone.slot);
          }
        });
        expect(pool.usedSlots).toBe(held.length);
        for (const { slot, bytes } of held) {
          expect(pool.view(slot, bytes.length)).toEqual(bytes);
          const target = new Uint8Array(bytes.length + 10);
          pool.load(slot, bytes.length, target, 5);
          expect(target.subarray(5, 5 + bytes.length)).toEqual(bytes);
        }
      }),
    );
  });

  it('appends to what a slot holds', () => {
    const pool = new SegmentPool({ slotBytes: 300 });
    const slot = pool.acquire();
    pool.storeSent(slot, 0, pattern(100, 1), 0, 100);
    pool.storeSent(slot, 100, pattern(120, 2), 20, 100);
    pool.storeSent(slot, 200, pattern(10, 3), 0, 10);
    const whole = pool.view(slot, 210);
    expect(whole.subarray(0, 100)).toEqual(pattern(100, 1));
    expect(whole.subarray(100, 200)).toEqual(pattern(120, 2).subarray(20));
    expect(whole.subarray(200)).toEqual(pattern(10, 3));
  });
});

describe('lent memory', () => {
  it('may change with every datagram: copies are of what was lent last', () => {
    const pool = new SegmentPool({ slotBytes: 256 });
    const slabs = [pattern(1000, 1), pattern(1000, 2)];
    for (let i = 0; i < 6; i++) {
      const slab = slabs[i % 2]!;
      const slot = pool.acquire();
      pool.lend(slab);
      pool.storeSent(slot, 0, slab, 300, 200);
      expect(pool.view(slot, 200)).toEqual(slab.subarray(300, 500));
    }
  });

  it('costs nothing as long as nothing is copied out of it, however many take turns', async () => {
    const pool = new SegmentPool();
    const slabs = [pattern(1000, 1), pattern(1000, 2)];
    const sampler = new HeapSampler();
    await sampler.start();
    for (let i = 0; i < 2000; i++) pool.lend(slabs[i % 2]!);
    const sites = await sampler.stop();
    expect(sites.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(1_000_000);
  });
});

describe('staged bytes', () => {
  it('are cut into slots as they were, whatever size the cuts have', () => {
    const pool = new SegmentPool({ slotBytes: 256 });
    const source = pattern(20_000, 9);
    for (const size of [100, 37, 200, 100]) {
      let done = 0;
      while (done < source.length) {
        const staged = pool.stage(source, done, source.length - done, size);
        expect(staged === source.length - done || staged % size === 0).toBe(true);
        for (let index = 0, from = 0; from < staged; index++, from += size) {
          const length = Math.min(size, staged - from);
          const slot = pool.acquire();
          pool.storeStaged(slot, index, from, length);
          expect(pool.view(slot, length)).toEqual(source.subarray(done + from, done + from + length));
          pool.release(slot);
        }
        done += staged;
      }
    }
  });
});
