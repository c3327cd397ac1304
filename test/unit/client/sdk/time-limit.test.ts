import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { orAborted, withinTime } from '../../../../src/client/sdk/time-limit.ts';

/** Ends when its signal does, and not before. */
const untilAborted = (signal: AbortSignal): Promise<never> => orAborted(new Promise<never>(() => {}), signal);

describe('withinTime', () => {
  test('gives what was run, and what it failed with', async () => {
    expect(await withinTime({ timeoutMs: 1000 }, () => Promise.resolve(7))).toBe(7);
    const failure = new RangeError('x');
    await expect(withinTime({}, () => Promise.reject(failure))).rejects.toBe(failure);
  });

  test('is late with the error that was said', async () => {
    const late = (): GatewayError => new GatewayError('login_failed', 'late');
    await expect(withinTime({ timeoutMs: 5, late }, untilAborted)).rejects.toMatchObject({ message: 'late' });
    await expect(withinTime({ timeoutMs: 5 }, untilAborted)).rejects.toMatchObject({
      code: 'connect_timeout',
    });
  });

  test('ends with any signal, for its reason', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const running = withinTime({ signals: [first.signal, undefined, second.signal] }, untilAborted);
    const reason = new GatewayError('move_failed');
    second.abort(reason);
    await expect(running).rejects.toBe(reason);
    const aborted = withinTime({ signals: [AbortSignal.abort('stop')] }, () => Promise.resolve(1));
    await expect(aborted).rejects.toMatchObject({ code: 'connect_failed', cause: 'stop' });
  });

  test('waits for the end of what it runs', async () => {
    let isLeft = true;
    const running = withinTime({ timeoutMs: 5 }, async (signal) => {
      await untilAborted(signal).catch(() => undefined);
      await delay(30);
      isLeft = false;
      throw new Error('any');
    });
    await expect(running).rejects.toMatchObject({ code: 'connect_timeout' });
    expect(isLeft).toBe(false);
  });

  test('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    let listening = 0;
    const watched = new Proxy(signal, {
      get: (target, key) => {
        if (key === 'addEventListener') listening++;
        if (key === 'removeEventListener') listening--;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    await withinTime({ timeoutMs: 1000, signals: [watched] }, () => Promise.resolve());
    expect(listening).toBe(0);
    await orAborted(Promise.resolve(), watched);
    await delay(0);
    expect(listening).toBe(0);
  });
});
