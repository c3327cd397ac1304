import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ClockRing } from '../../../../../tools/kcpgate/inspect/clock-ring.ts';

it('goes round, whatever comes and goes meanwhile', () => {
  const ring = new ClockRing<string>();
  for (const item of ['a', 'b', 'c', 'a']) ring.add(item);
  const take = (count: number): (string | undefined)[] => Array.from({ length: count }, () => ring.next());
  expect(take(4)).toEqual(['a', 'b', 'c', 'a']);
  expect([ring.delete('b'), ring.delete('b')]).toEqual([true, false]);
  ring.add('d');
  expect([...ring.values()]).toEqual(['a', 'c', 'd']);
  expect(take(3)).toEqual(['c', 'd', 'a']);
  for (const item of ['a', 'c', 'd']) ring.delete(item);
  expect(take(2)).toEqual([undefined, undefined]);
  ring.add('e');
  expect(take(2)).toEqual(['e', 'e']);
});

it('passes everything once in a round', () => {
  const steps = fc.array(fc.record({ adds: fc.boolean(), item: fc.nat(20) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.nat(30), (changes, moves) => {
      const ring = new ClockRing<number>();
      const items = new Set<number>();
      for (const { adds, item } of changes) {
        if (adds) ring.add(item);
        else ring.delete(item);
        if (adds) items.add(item);
        else items.delete(item);
        for (let i = 0; i < moves % 3; i++) ring.next();
      }
      expect(ring.size).toBe(items.size);
      const round = Array.from({ length: items.size }, () => ring.next());
      expect(new Set(round)).toEqual(items);
    }),
  );
});

it('keeps nothing of what was deleted, though the hand rests', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const ring = new ClockRing<object>();
  ring.add({});
  ring.next();
  const deleted = Array.from({ length: 1000 }, () => {
    const item = { bytes: new Uint8Array(16) };
    ring.add(item);
    ring.delete(item);
    return new WeakRef(item);
  });
  await turn();
  collect();
  expect(deleted.filter((item) => item.deref() !== undefined)).toEqual([]);
});
