import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NEVER } from '../../../../../src/base/clock.ts';
import { DepartureQueue } from '../../../../../tools/kcpgate/relay/departure-queue.ts';

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly text: string;
}

const textOf = (queue: DepartureQueue<string>, entry: number): string => {
  const at = queue.offset(entry);
  return Buffer.from(queue.memory(entry).subarray(at, at + queue.length(entry))).toString('latin1');
};

test('datagrams leave by time, then as they came, with their bytes, whatever leaves and comes between', () => {
  const push = fc.record({
    atMs: fc.nat(50),
    length: fc.oneof(fc.nat(300), fc.nat(3000), fc.constant(65_507)),
  });
  const take = fc.record({ untilMs: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: push }, take), { maxLength: 200 }), (steps) => {
      const queue = new DepartureQueue<string>();
      const waiting: Waiting[] = [];
      for (const [order, step] of steps.entries()) {
        if ('atMs' in step) {
          const text = String.fromCharCode(33 + (order % 90)).repeat(step.length);
          const bytes = Buffer.from(`before${text}after`, 'latin1');
          queue.push(step.atMs, `to ${String(order)}`, bytes, 6, step.length);
          waiting.push({ atMs: step.atMs, order, text });
          continue;
        }
        waiting.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        for (let entry = queue.popDue(step.untilMs); entry >= 0; entry = queue.popDue(step.untilMs)) {
          const expected = waiting.shift();
          expect(queue.to(entry)).toBe(`to ${String(expected?.order)}`);
          expect(textOf(queue, entry) === expected?.text).toBe(true);
          queue.free(entry);
        }
        expect(waiting[0]?.atMs ?? NEVER).toBeGreaterThan(step.untilMs);
      }
      expect(queue.size).toBe(waiting.length);
      expect(queue.bytes).toBe(waiting.reduce((sum, { text }) => sum + text.length, 0));
      expect(queue.nextAtMs()).toBe(Math.min(NEVER, ...waiting.map(({ atMs }) => atMs)));
    }),
    { numRuns: 60 },
  );
});

test('what is held waits for something else than time, and counts', () => {
  const queue = new DepartureQueue<string>();
  const held = queue.hold('a', Buffer.from('held'), 0, 4);
  queue.push(5, 'b', Buffer.from('timed'), 0, 5);
  expect([queue.size, queue.bytes]).toEqual([2, 9]);
  const timed = queue.popDue(100);
  expect(textOf(queue, timed)).toBe('timed');
  expect(queue.popDue(100)).toBe(-1);
  expect(textOf(queue, held)).toBe('held');
  queue.free(held);
  queue.free(timed);
  expect([queue.size, queue.bytes]).toEqual([0, 0]);
});
