import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  FLOW_KEY_WORDS,
  reverseKey,
  type FlowKey,
} from '../../../../../../tools/kcpgate/inspect/capture/flow-key.ts';
import { FlowTable } from '../../../../../../tools/kcpgate/inspect/capture/flow-table.ts';

const keyOf = (number: number): FlowKey =>
  Int32Array.of(0, 0, 0xffff, number, 0, 0, 0xffff, 7, (4000 << 16) | 5000);

function reversed(key: FlowKey): FlowKey {
  const reverse = new Int32Array(FLOW_KEY_WORDS);
  reverseKey(key, reverse);
  return reverse;
}

it('forgets what was not looked up for long, and nothing else; directions stay what they were', () => {
  const forgotten: number[] = [];
  const table = new FlowTable<number>(10, (value) => forgotten.push(value));
  for (let number = 0; number < 10; number++) table.add(keyOf(number), number);
  for (let number = 10; number < 20; number++) {
    table.add(keyOf(number), number);
    // Used again and again, from the other side.
    expect(table.find(reversed(keyOf(3)))).toBe(3);
    expect(table.isForward).toBe(false);
    expect(table.find(keyOf(3))).toBe(3);
    expect(table.isForward).toBe(true);
  }
  for (let number = 20; number < 40; number++) table.add(keyOf(number), number);
  expect(forgotten.slice(0, 9)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9]);
  expect(table.find(keyOf(0))).toBeUndefined();
  expect(table.find(reversed(keyOf(39)))).toBe(39);
  const remembered: number[] = [];
  table.forEach((value) => remembered.push(value));
  expect(remembered.length).toBeLessThanOrEqual(20);
  expect([...remembered, ...forgotten].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 40 }, (_, number) => number),
  );
});

it('is a map as long as it is not full', () => {
  const word = fc.constantFrom(0, 1, -1, 0x10000, 5);
  const key = fc
    .array(word, { minLength: FLOW_KEY_WORDS, maxLength: FLOW_KEY_WORDS })
    .map((words) => Int32Array.from(words));
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200 }), (keys) => {
      const table = new FlowTable<string>(1000);
      const model = new Map<string, string>();
      for (const one of keys) {
        const name = one.join();
        const back = reversed(one);
        const known = model.get(name) ?? model.get(back.join());
        expect(table.find(one)).toBe(known);
        if (known === undefined) {
          table.add(one, name);
          model.set(name, name);
        } else {
          expect(table.isForward).toBe(known === name);
          table.replace(back, known);
        }
      }
    }),
    { numRuns: 100 },
  );
});
