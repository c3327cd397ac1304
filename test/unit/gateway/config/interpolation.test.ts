import { describe, expect, it } from 'vitest';
import { interpolate } from '../../../../src/gateway/config/interpolation.ts';

const ENVIRONMENT = { A: 'one', EMPTY: '', REF: '${A}', LOW_1: 'x' };

describe('interpolate', () => {
  it.each([
    ['plain $5 {A} $A', 'plain $5 {A} $A', false],
    ['${A}', 'one', true],
    ['-${A}-${LOW_1}-', '-one-x-', true],
    ['${EMPTY}', '', true],
    ['${EMPTY:-fallback}', 'fallback', true],
    ['${GONE:-}', '', true],
    ['${GONE:-[::]:4000}', '[::]:4000', true],
    ['${A:-fallback}', 'one', true],
    ['$${A}', '${A}', true],
    ['${REF}', '${A}', true],
  ])('%j becomes %j', (text, expected, changed) => {
    expect(interpolate(text, ENVIRONMENT)).toEqual({ text: expected, changed, problems: [] });
  });

  it.each([
    ['a${GONE}b', '${GONE}', 'environment variable GONE is not set'],
    ['${constructor}', '${constructor}', 'environment variable constructor is not set'],
    ['${}', '${}', 'is not a variable'],
    ['${1A}', '${1A}', 'is not a variable'],
    ['${A-b}', '${A-b}', 'is not a variable'],
    ['x ${A', '${A', 'is not a variable'],
  ])('complains about %j', (text, at, message) => {
    const { problems } = interpolate(text, ENVIRONMENT);
    expect(problems).toEqual([{ at, message: expect.stringContaining(message) as string }]);
  });
});
