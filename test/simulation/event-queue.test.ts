import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEVER } from '../../src/base/clock.ts';
import { EventQueue } from '../../tools/kcpgate/relay/event-queue.ts';

describe('an event queue', () => {
  it('gives events by time and, at the same time, in the order they came', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const queue = new EventQueue<number>();
        times.forEach((atMs, index) => {
          queue.push(atMs, index);
        });
        const expected = times.map((atMs, index) => ({ atMs, index })).sort((a, b) => a.atMs - b.atMs);
        for (const { atMs, index } of expected) {
          expect(queue.nextAtMs()).toBe(atMs);
          expect(queue.popDue(atMs - 1)).toBeUndefined();
          expect(queue.popDue(atMs)).toBe(index);
        }
        expect(queue.size).toBe(0);
        expect(queue.nextAtMs()).toBe(NEVER);
      }),
    );
  });
});
