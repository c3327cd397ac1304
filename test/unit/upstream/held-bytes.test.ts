import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeldBytes } from '../../../src/upstream/held-bytes.ts';

test('does what an array of bytes does', () => {
  const call = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), length: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ kind: fc.constant('consume' as const), length: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ kind: fc.constant('take' as const) }),
  );
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
      const held = new HeldBytes();
      let model: number[] = [];
      let next = 0;
      for (const step of calls) {
        if (step.kind === 'append') {
          const bytes = Uint8Array.from({ length: step.length + 2 }, () => next++ & 0xff);
          held.append(bytes, 1, step.length);
          model.push(...bytes.subarray(1, 1 + step.length));
        } else if (step.kind === 'consume') {
          const length = Math.min(step.length, model.length);
          held.consume(length);
          model.splice(0, length);
        } else {
          expect([...held.take()]).toEqual(model);
          model = [];
        }
        expect(held.length).toBe(model.length);
        expect([...held.bytes.subarray(held.offset, held.offset + held.length)]).toEqual(model);
        if (model.length === 0) expect(held.bytes.length).toBe(0);
      }
    }),
    { numRuns: 100 },
  );
});
