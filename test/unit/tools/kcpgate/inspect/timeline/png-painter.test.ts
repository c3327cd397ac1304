import { expect, test } from 'vitest';
import { loadPngPainter } from '../../../../../../tools/kcpgate/inspect/timeline/png-painter.ts';

test('without its package it says how to get it, and what goes without', async () => {
  const missing = new Error('Cannot find package');

  await expect(loadPngPainter(() => Promise.reject(missing))).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringMatching(/npm install @resvg\/resvg-js.*\.svg/) as string,
    cause: missing,
  });
});
