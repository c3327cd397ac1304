import { expect, test } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { Turns } from '../../../../tools/kcpgate/turns.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

test('so many at a time, in order; who gives up, or fails, holds up nobody', async () => {
  const turns = new Turns(2);
  const log: number[] = [];
  const ends: (() => void)[] = [];
  const begin = (n: number, signal = never): Promise<void> =>
    turns.run(signal, async () => {
      log.push(n);
      await new Promise<void>((resolve) => (ends[n] = resolve));
      if (n === 1) throw new Error('failed');
    });
  const giver = new AbortController();
  const works = [begin(0), begin(1), begin(2, giver.signal), begin(3), begin(4)];
  const settled = Promise.allSettled(works);
  await settle();
  expect(log).toEqual([0, 1]);
  giver.abort(new GatewayError('connect_timeout'));
  await expect(works[2]).rejects.toMatchObject({ code: 'connect_timeout' });
  ends[1]?.();
  await settle();
  expect(log).toEqual([0, 1, 3]);
  ends[3]?.();
  await settle();
  expect(log).toEqual([0, 1, 3, 4]);
  for (const n of [0, 4]) ends[n]?.();
  expect((await settled).map(({ status }) => status)).toEqual([
    ...['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
  ]);
});

test('who gives up in the moment its turn comes gives it on', async () => {
  const turns = new Turns(1);
  let end!: () => void;
  const first = turns.run(never, () => new Promise<void>((resolve) => (end = resolve)));
  await settle();
  const giver = new AbortController();
  const second = turns.run(giver.signal, () => Promise.reject(new Error('not its turn')));
  const third = turns.run(never, () => Promise.resolve('third'));
  giver.abort(new GatewayError('connect_timeout'));
  end();
  await first;
  await expect(second).rejects.toMatchObject({ code: 'connect_timeout' });
  expect(await third).toBe('third');
});
