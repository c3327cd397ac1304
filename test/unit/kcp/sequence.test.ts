import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ahead, isBefore, successor } from '../../../src/kcp/sequence.ts';

const sequence = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const distance = fc.integer({ min: 1, max: 0x7fffffff });

describe('sequence numbers', () => {
  it('keep their order across the wrap', () => {
    expect(successor(0x7fffffff)).toBe(-0x80000000);
    expect(successor(-1)).toBe(0);
    expect(isBefore(-1, 0)).toBe(true);
    expect(isBefore(0x7fffffff, -0x80000000)).toBe(true);
    expect(ahead(5, -3)).toBe(8);
    expect(ahead(-0x80000000, 0x7fffffff)).toBe(1);
  });

  it('are ordered by their distance wherever it starts', () => {
    fc.assert(
      fc.property(sequence, distance, (start, by) => {
        const later = (start + by) | 0;
        expect(ahead(later, start)).toBe(by);
        expect(ahead(start, later)).toBe(-by);
        expect(isBefore(start, later)).toBe(true);
        expect(isBefore(later, start)).toBe(false);
      }),
    );
  });
});
