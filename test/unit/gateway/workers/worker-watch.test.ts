import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { WorkerWatch, type WorkerAnswer } from '../../../../src/gateway/workers/worker-watch.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

it('tells what was found last, and looks again at most once a second', async () => {
  const clock = new VirtualClock();
  let answers: readonly WorkerAnswer[] = [{ stale: false }, { stale: false }];
  let release: () => void = () => undefined;
  let asked = 0;
  const watch = new WorkerWatch(async () => {
    asked++;
    await new Promise<void>((resolve) => (release = resolve));
    return answers;
  }, clock);
  const answer = async (): Promise<void> => {
    release();
    await turn();
  };

  expect([watch.silent(), watch.silent(), asked]).toEqual([0, 0, 1]);
  await answer();
  answers = [{ stale: false }, { stale: true }];
  expect([watch.silent(), asked]).toEqual([0, 1]);
  clock.advance(1000);
  expect([watch.silent(), asked]).toEqual([0, 2]);
  clock.advance(5000);
  // One that is under way is not repeated.
  expect([watch.silent(), asked]).toEqual([0, 2]);
  await answer();
  expect([watch.silent(), asked]).toEqual([1, 2]);
  answers = [{ stale: false }, { stale: false }];
  clock.advance(1000);
  expect([watch.silent(), asked]).toEqual([1, 3]);
  await answer();
  expect(watch.silent()).toBe(0);
});
