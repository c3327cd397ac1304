import { describe, expect, it } from 'vitest';
import { EventRing, ROW_VALUES } from '../../../src/qlog/event-ring.ts';

function times(ring: EventRing): number[] {
  const found: number[] = [];
  ring.forEach((rows, at) => found.push(rows[at + 1]!));
  return found;
}

function fill(ring: EventRing, from: number, to: number): void {
  for (let time = from; time < to; time++) ring.append(1, time, 0, 0, 0, 0, 0, 0);
}

const from0 = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);

describe('the ring of events', () => {
  it('keeps all up to its bound, then the newest', () => {
    const ring = new EventRing(200, () => true);
    fill(ring, 0, 200);
    expect(times(ring)).toEqual(from0(200));
    expect(ring.overwritten).toBe(0);
    fill(ring, 200, 250);
    expect(times(ring)).toEqual(from0(200, 50));
    expect(ring.overwritten).toBe(50);
    expect(ring.bytes).toBe(200 * ROW_VALUES * 4);
  });

  it('keeps the order when it grows', () => {
    const grants: number[] = [];
    const ring = new EventRing(1000, (bytes) => grants.push(bytes) <= 2);
    fill(ring, 0, 300);
    // 64 rows, then 128; then there is no more memory.
    expect(times(ring)).toEqual(from0(128, 172));
    expect(ring.bytes).toBe(grants[0]! + grants[1]!);
  });

  it('holds nothing when there is no memory at all', () => {
    const ring = new EventRing(1000, () => false);
    fill(ring, 0, 10);
    expect([ring.size, ring.bytes, ring.overwritten]).toEqual([0, 0, 10]);
  });

  it('begins anew when it is emptied, in the same memory', () => {
    const ring = new EventRing(100, () => true);
    fill(ring, 0, 150);
    const { bytes } = ring;
    ring.clear();
    fill(ring, 5, 7);
    expect([times(ring), ring.overwritten, ring.bytes]).toEqual([[5, 6], 0, bytes]);
  });
});
