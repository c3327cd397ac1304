import { describe, expect, test } from 'vitest';
import { NextChange } from '../../../../src/client/sdk/next-change.ts';

describe('the next change', () => {
  test('is told to all who wait, once', async () => {
    const change = new NextChange();
    const waits = [change.wait(), change.wait(), change.waitOr(new Promise(() => undefined))];
    expect(change.waiting).toBe(3);
    change.tell();
    await Promise.all(waits);
    expect(change.waiting).toBe(0);
  });

  test('holds nobody who waited for something else, too, and that came first', async () => {
    const change = new NextChange();
    for (let n = 0; n < 10; n++) {
      await change.waitOr(Promise.resolve());
      await change.waitOr(Promise.reject(new Error('no')));
    }
    expect(change.waiting).toBe(0);
    change.tell();
  });
});
