import { expect, test, vi } from 'vitest';
import { createNodePlatform } from '../../../../src/client/node/node-platform.ts';

test('has chance that nobody can guess', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const { random } = createNodePlatform();
  const values = Array.from({ length: 100 }, random);
  expect(new Set(values).size).toBeGreaterThan(90);
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  vi.restoreAllMocks();
});
