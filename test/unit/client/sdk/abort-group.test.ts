import { expect, test } from 'vitest';
import { AbortGroup } from '../../../../src/client/sdk/abort-group.ts';

const untilAborted = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(String(signal.reason));
    signal.addEventListener('abort', () => resolve(String(signal.reason)));
  });

test('each has a signal of its own, and all end at once', async () => {
  const group = new AbortGroup();
  const signals = new Set<AbortSignal>();
  const ends = Array.from({ length: 20 }, () =>
    group.run((signal) => {
      signals.add(signal);
      return untilAborted(signal);
    }),
  );
  expect(signals.size).toBe(20);
  group.abort('enough');
  group.abort('once more');
  expect(new Set(await Promise.all(ends))).toEqual(new Set(['enough']));
});

test('what begins after the end is ended', async () => {
  const group = new AbortGroup();
  group.abort('too late');
  expect(group.aborted).toBe(true);
  expect(await group.run(untilAborted)).toBe('too late');
});

test('what is over is not held', async () => {
  const group = new AbortGroup();
  let kept: AbortSignal | undefined;
  await group.run((signal) => Promise.resolve((kept = signal)));
  await expect(group.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  group.abort();
  expect(kept?.aborted).toBe(false);
});
