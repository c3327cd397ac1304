import { expect, test } from 'vitest';
import type { Carrier } from '../../../../src/carrier/carrier.ts';
import type { OpenedLine } from '../../../../src/client/sdk/client-platform.ts';
import { openTwice } from '../../../../src/client/sdk/open-twice.ts';

/** Connections that are made when the test says so. */
class Connections {
  readonly attempts: {
    readonly signal: AbortSignal;
    readonly opened: OpenedLine;
    isClosed: boolean;
    succeed(): void;
    fail(error: Error): void;
  }[] = [];

  readonly open = (signal: AbortSignal): Promise<OpenedLine> =>
    new Promise((resolve, reject) => {
      const attempt = {
        signal,
        isClosed: false,
        opened: {
          carrier: {
            close: () => {
              attempt.isClosed = true;
              return Promise.resolve();
            },
          } as unknown as Carrier,
          slot: this.attempts.length,
        },
        succeed: () => resolve(attempt.opened),
        fail: reject,
      };
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      this.attempts.push(attempt);
    });
}

const FOREVER_MS = 60_000;
const never = (): AbortSignal => new AbortController().signal;

test('one that is there in time is the only one', async () => {
  const connections = new Connections();
  const line = openTwice(connections.open, FOREVER_MS, never());
  connections.attempts[0]!.succeed();
  expect(await line).toBe(connections.attempts[0]!.opened);
  expect(connections.attempts).toHaveLength(1);
});

test('the second is taken when the first does not come, which is given up', async () => {
  const connections = new Connections();
  const line = openTwice(connections.open, 1, never());
  await expect.poll(() => connections.attempts.length).toBe(2);
  connections.attempts[1]!.succeed();
  expect(await line).toBe(connections.attempts[1]!.opened);
  expect(connections.attempts[0]!.signal.aborted).toBe(true);
  expect(connections.attempts[1]!.isClosed).toBe(false);
});

test('when both come, the later one is closed', async () => {
  const connections = new Connections();
  const line = openTwice(connections.open, 1, never());
  await expect.poll(() => connections.attempts.length).toBe(2);
  connections.attempts[0]!.succeed();
  connections.attempts[1]!.succeed();
  expect(await line).toBe(connections.attempts[0]!.opened);
  expect(connections.attempts.map(({ isClosed }) => isClosed)).toEqual([false, true]);
});

test('a failure at once is told at once; later the other one may still come', async () => {
  const refused = new Error('refused');
  const first = new Connections();
  const line = openTwice(first.open, FOREVER_MS, never());
  first.attempts[0]!.fail(refused);
  await expect(line).rejects.toBe(refused);
  expect(first.attempts).toHaveLength(1);

  const both = new Connections();
  const other = openTwice(both.open, 1, never());
  await expect.poll(() => both.attempts.length).toBe(2);
  both.attempts[0]!.fail(refused);
  both.attempts[1]!.succeed();
  expect(await other).toBe(both.attempts[1]!.opened);
});

test('a signal ends both', async () => {
  const connections = new Connections();
  const controller = new AbortController();
  const line = openTwice(connections.open, 1, controller.signal);
  await expect.poll(() => connections.attempts.length).toBe(2);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(line).rejects.toBe(reason);
  expect(connections.attempts.every(({ signal }) => signal.aborted)).toBe(true);

  const late = new Connections();
  await expect(openTwice(late.open, 1, controller.signal)).rejects.toThrow();
});
