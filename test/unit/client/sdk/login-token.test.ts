import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { LoginToken, type TokenSource } from '../../../../src/client/sdk/login-token.ts';

const { signal } = new AbortController();

/** A token that expires at this time, in ms. */
function jwt(expiresAtMs: number, name = ''): string {
  const payload = JSON.stringify({ exp: expiresAtMs / 1000, name });
  return `e30.${Buffer.from(payload).toString('base64url')}.sig`;
}

/** Tokens of a function, by a clock that stands until it is set. */
function tokenOf(
  source: TokenSource | undefined,
  timeoutMs = 10_000,
): { token: LoginToken; clock: TestClock } {
  const clock = new TestClock();
  return { token: new LoginToken(source, clock, timeoutMs), clock };
}

class TestClock {
  ms = 0;
  now(): number {
    return this.ms;
  }
}

test('a text stays what it is; nothing is nothing', async () => {
  const { token } = tokenOf('abc');
  expect([await token.get(false, signal), await token.get(true, signal), token.canRefresh]).toEqual([
    'abc',
    'abc',
    false,
  ]);
  expect(await tokenOf(undefined).token.get(false, signal)).toBeUndefined();
});

describe('a function', () => {
  test('is called once, until its token is about to expire', async () => {
    let calls = 0;
    const { token, clock } = tokenOf(() => jwt(++calls * 600_000, String(calls)));
    const first = await token.get(false, signal);
    clock.ms = 539_999;
    expect(await token.get(false, signal)).toBe(first);
    clock.ms = 540_000;
    expect(await token.get(false, signal)).not.toBe(first);
    expect(calls).toBe(2);
  });

  test('whose tokens do not live long is called a tenth of their life before their end', async () => {
    let calls = 0;
    const { token, clock } = tokenOf(() => jwt(clock.ms + 10_000, String(++calls)));
    await token.get(false, signal);
    clock.ms = 8_999;
    await token.get(false, signal);
    expect(calls).toBe(1);
    clock.ms = 9_000;
    await token.get(false, signal);
    expect(calls).toBe(2);
  });

  test('whose tokens say no end is called again only for a fresh one', async () => {
    let calls = 0;
    const { token, clock } = tokenOf(() => Promise.resolve(`token-${String(++calls)}`));
    expect(await token.get(false, signal)).toBe('token-1');
    clock.ms = 1e12;
    expect(await token.get(false, signal)).toBe('token-1');
    expect(await token.get(true, signal)).toBe('token-2');
    expect(await token.get(false, signal)).toBe('token-2');
  });

  test('is not called by two at once', async () => {
    let calls = 0;
    const { token } = tokenOf(async () => {
      await Promise.resolve();
      return String(++calls);
    });
    const both = await Promise.all([token.get(true, signal), token.get(true, signal)]);
    expect(both).toEqual(['1', '1']);
  });

  test('that fails is called again the next time; what it says stays out of the message', async () => {
    let calls = 0;
    const { token } = tokenOf(() => {
      if (++calls === 1) throw new Error('secret=42');
      return 'abc';
    });
    const error = await token.get(false, signal).catch((thrown: unknown) => thrown as GatewayError);
    expect(error).toMatchObject({ code: 'login_failed', message: 'there is no token: its function failed' });
    expect(await token.get(false, signal)).toBe('abc');
  });

  test('may say that nothing helps', async () => {
    const { token } = tokenOf(() => Promise.reject(new GatewayError('login_refused', 'signed out')));
    await expect(token.get(false, signal)).rejects.toMatchObject({ code: 'login_refused' });
  });

  test('that is late is told so, and called again the next time', async () => {
    let calls = 0;
    let told: AbortSignal | undefined;
    const { token } = tokenOf((own) => {
      told = own;
      return ++calls === 1 ? new Promise<string>(() => undefined) : 'abc';
    }, 20);
    await expect(token.get(false, signal)).rejects.toMatchObject({
      code: 'login_failed',
      message: 'no token within 20 ms',
    });
    expect(told?.aborted).toBe(true);
    expect(await token.get(false, signal)).toBe('abc');
  });

  test('is not waited for by who gave up', async () => {
    const { token } = tokenOf(() => new Promise<string>(() => undefined), 20);
    const controller = new AbortController();
    const waiting = token.get(false, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'connect_failed' });
  });
});
