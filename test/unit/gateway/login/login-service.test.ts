import { describe, expect, it } from 'vitest';
import type { Authenticator } from '../../../../src/gateway/login/authenticator.ts';
import { KeysUnavailableError } from '../../../../src/gateway/login/key-set.ts';
import type { LoginAnswer } from '../../../../src/gateway/login/login-answer.ts';
import type { LoginReadiness } from '../../../../src/gateway/login/login-service.ts';
import { createStaticTokens } from '../../../../src/gateway/login/static-tokens.ts';
import { addressOf, createLoginWorld, granted, NOW_MS, ticketOf, UDP_LINE, WSS_LINE } from './login-world.ts';

const tokens = createStaticTokens([
  { subject: 'alice', token: 'token-of-alice' },
  { subject: 'bob', token: 'token-of-bob' },
]);

/** An authenticator that answers when the test says so. */
class SlowAuthenticator implements Authenticator {
  readonly waiting: (() => void)[] = [];
  authenticate(): Promise<{ subject: string; claims: string }> {
    return new Promise((resolve) => this.waiting.push(() => resolve({ subject: 'slow', claims: '' })));
  }
  close(): void {}
}

describe('the answer to a login', () => {
  it('has what the protocol says, and nothing else', async () => {
    const world = createLoginWorld({ relays: true }, { linesOf: () => [UDP_LINE, WSS_LINE] });
    const answer = granted(await world.login({ client: { version: '1.0', platform: 'node' } }));
    expect(answer).toEqual({
      sessions: [
        {
          gatewayId: 3,
          conv: expect.any(Number) as number,
          ticket: expect.stringMatching(/^[\w-]+$/) as string,
          secret: expect.stringMatching(/^[\w-]{43}$/) as string,
          resetToken: expect.stringMatching(/^[\w-]{22}$/) as string,
          seal: 'aes-128-gcm',
          expiresAt: '2025-10-09T08:54:20.000Z',
        },
      ],
      lines: [UDP_LINE.line, WSS_LINE.line],
      relays: true,
      transport: { mtu: 1400, mode: 'fast3', sendWindow: 1024, receiveWindow: 1024, maxMessageBytes: 65_535 },
      probe: { count: 5, intervalMs: 100, deadlineMs: 4000 },
      serverTime: '2025-10-09T08:53:20.000Z',
    });
    const [session] = answer.sessions;
    expect(ticketOf(world.keyring, session!)).toEqual({
      conv: session!.conv,
      issuedMs: NOW_MS,
      expiresMs: NOW_MS + 60_000,
      secret: new Uint8Array(Buffer.from(session!.secret, 'base64url')),
      seal: 'aead',
      subject: '',
      claims: '',
    });
    expect(session!.conv >>> 24).toBe(3);
  });

  it('names the one who logged in, by header or body, in the ticket', async () => {
    const world = createLoginWorld({}, { authenticator: tokens });
    const subjectOf = (answer: LoginAnswer): string => ticketOf(world.keyring, answer.sessions[0]!).subject;
    expect(subjectOf(granted(await world.login({ token: 'token-of-alice' })))).toBe('alice');
    expect(subjectOf(granted(await world.login(undefined, { bearer: 'token-of-bob' })))).toBe('bob');
    const both = await world.login({ token: 'token-of-bob' }, { bearer: 'token-of-bob' });
    expect(subjectOf(granted(both))).toBe('bob');
  });

  it('has a session for each gateway, in order, each with a secret of its own', async () => {
    const world = createLoginWorld({ gatewayIds: [3, 1, 200] });
    const { sessions } = granted(await world.login());
    expect(sessions.map(({ gatewayId }) => gatewayId)).toEqual([3, 1, 200]);
    expect(sessions.map(({ conv }) => conv >>> 24)).toEqual([3, 1, 200]);
    expect(new Set(sessions.map(({ secret }) => secret)).size).toBe(3);
    for (const session of sessions) expect(ticketOf(world.keyring, session).conv).toBe(session.conv);
  });

  it('is another each time', async () => {
    const world = createLoginWorld();
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.login()));
    const sessions = answers.map((answer) => granted(answer).sessions[0]!);
    for (const key of ['conv', 'ticket', 'secret'] as const) {
      expect(new Set(sessions.map((session) => session[key])).size, key).toBe(50);
    }
  });

  it('has lines that are made for the host by which the client came', async () => {
    const hosts: string[] = [];
    const world = createLoginWorld({}, { linesOf: (host) => (hosts.push(host), [UDP_LINE]) });
    await world.login();
    await world.login({}, { host: '2001:db8::1' });
    expect(hosts).toEqual(['gate.example', '2001:db8::1']);
  });
});

describe('sessions without seal', () => {
  it('are given to who asks for them, with the lines that allow them', async () => {
    const world = createLoginWorld({}, { linesOf: () => [UDP_LINE, WSS_LINE] });
    const answer = granted(await world.login({ seal: ['clear'] }));
    expect(answer.lines).toEqual([WSS_LINE.line]);
    expect(answer.sessions[0]!.seal).toBe('clear');
    expect(ticketOf(world.keyring, answer.sessions[0]!).seal).toBe('clear');
  });

  it('are not given when no line allows them', async () => {
    const world = createLoginWorld({ seal: 'clear' });
    expect(await world.login({ seal: ['clear'] })).toMatchObject({ code: 'seal_unsupported', status: 400 });
    expect(granted(await world.login()).sessions[0]!.seal).toBe('aes-128-gcm');
  });
});

describe('a login is refused', () => {
  it.each([
    [{ token: 7 }, {}, 'malformed', 400],
    [{ seal: ['chacha'] }, { bearer: 'token-of-bob' }, 'seal_unsupported', 400],
    [{ token: 'token-of-bob' }, { bearer: 'token-of-alice' }, 'malformed', 400],
    [{}, {}, 'token_required', 401],
    [{ token: 'token-of-eve' }, {}, 'token_invalid', 401],
    [{}, { bearer: 'x'.repeat(9000) }, 'token_invalid', 401],
  ])('%j with %j: %s', async (body, changes, code, status) => {
    const world = createLoginWorld({}, { authenticator: tokens });
    expect(await world.login(body, changes)).toMatchObject({ code, status, retryAfterSeconds: null });
    expect(world.service.stats()).toMatchObject({ issued: 0, refused: { [code]: 1 } });
  });

  it('of somebody who is blocked', async () => {
    const world = createLoginWorld(
      {},
      { authenticator: tokens, isBlocked: ({ subject }) => subject === 'bob' },
    );
    expect(await world.login({ token: 'token-of-bob' })).toMatchObject({ code: 'blocked', status: 403 });
    granted(await world.login({ token: 'token-of-alice' }));
  });

  it.each<LoginReadiness>(['draining', 'not_ready'])('while the gateway is %s', async (readiness) => {
    const world = createLoginWorld({}, { readiness: () => readiness });
    expect(await world.login()).toMatchObject({ code: readiness, status: 503, retryAfterSeconds: 2 });
  });

  it('when keys cannot be had, with a time to come back', async () => {
    const authenticator: Authenticator = { authenticate: () => 'keys_unavailable', close: () => {} };
    const world = createLoginWorld({}, { authenticator });
    expect(await world.login()).toMatchObject({
      code: 'keys_unavailable',
      status: 503,
      retryAfterSeconds: 2,
    });
  });

  it('when all conversations are taken', async () => {
    const world = createLoginWorld({}, { isConversationInUse: () => true });
    expect(await world.login()).toMatchObject({ code: 'overloaded', status: 503 });
  });

  it('when too many tokens are being checked', async () => {
    const authenticator = new SlowAuthenticator();
    const world = createLoginWorld({}, { authenticator });
    const waiting = Array.from({ length: 256 }, () => world.login());
    expect(world.service.stats().checking).toBe(256);
    expect(await world.login()).toMatchObject({ code: 'overloaded', status: 503, retryAfterSeconds: 2 });
    for (const answer of authenticator.waiting) answer();
    for (const result of await Promise.all(waiting)) granted(result);
    expect(world.service.stats()).toMatchObject({ checking: 0, issued: 256 });
  });

  it('and does not reject when something unforeseen happens', async () => {
    const authenticator: Authenticator = {
      authenticate: () => Promise.reject(new KeysUnavailableError()),
      close: () => {},
    };
    const world = createLoginWorld({}, { authenticator });
    expect(await world.login()).toMatchObject({ code: 'internal', status: 500 });
    expect(world.logger.fieldsOf('login failed')).toHaveLength(1);
    expect(world.service.stats().checking).toBe(0);
  });
});

describe('the rate of logins', () => {
  const many = { perSecond: 1000, perSecondPerSource: 1000, perSecondPerSubject: 1000 };

  /** Codes of so many logins in a row; `ok` for those that were granted. */
  async function codes(count: number, login: (index: number) => Promise<object>): Promise<string[]> {
    const seen: string[] = [];
    for (let i = 0; i < count; i++) {
      const result = await login(i);
      seen.push('code' in result ? String(result.code) : 'ok');
    }
    return seen;
  }

  it('is held for each address, where an IPv6 /64 is one', async () => {
    const world = createLoginWorld({ limits: { ...many, perSecondPerSource: 2 } });
    const from = (address: string) => () => world.login({}, { sourceAddress: addressOf(address) });
    expect(await codes(3, from('192.0.2.1'))).toEqual(['ok', 'ok', 'rate_limited']);
    expect(await codes(1, from('::ffff:192.0.2.1'))).toEqual(['rate_limited']);
    expect(await codes(3, from('2001:db8::1'))).toEqual(['ok', 'ok', 'rate_limited']);
    expect(await codes(1, from('2001:db8::ffff:1'))).toEqual(['rate_limited']);
    expect(await codes(1, from('2001:db8:0:1::1'))).toEqual(['ok']);
    world.clock.time += 500;
    expect(await codes(2, from('192.0.2.1'))).toEqual(['ok', 'rate_limited']);
  });

  it('is held for all together', async () => {
    const world = createLoginWorld({ limits: { ...many, perSecond: 3 } });
    const login = (i: number) => world.login({}, { sourceAddress: addressOf(`192.0.2.${i}`) });
    expect(await codes(5, login)).toEqual(['ok', 'ok', 'ok', 'rate_limited', 'rate_limited']);
    world.clock.time += 1000;
    expect(await codes(4, login)).toEqual(['ok', 'ok', 'ok', 'rate_limited']);
  });

  it('is held for each subject, wherever it comes from', async () => {
    const world = createLoginWorld(
      { limits: { ...many, perSecondPerSubject: 2 } },
      { authenticator: tokens },
    );
    const as = (token: string) => (i: number) =>
      world.login({ token }, { sourceAddress: addressOf(`192.0.2.${i}`) });
    expect(await codes(3, as('token-of-alice'))).toEqual(['ok', 'ok', 'rate_limited']);
    expect(await codes(3, as('token-of-bob'))).toEqual(['ok', 'ok', 'rate_limited']);
    // Who has no token of theirs cannot use up what they may.
    world.clock.time += 1000;
    expect(await codes(3, as('token-of-eve'))).toEqual(['token_invalid', 'token_invalid', 'token_invalid']);
    expect(await codes(2, as('token-of-alice'))).toEqual(['ok', 'ok']);
  });

  it('does not hold subjects where there are none', async () => {
    const world = createLoginWorld({ limits: { ...many, perSecondPerSubject: 1 } });
    expect(await codes(3, () => world.login())).toEqual(['ok', 'ok', 'ok']);
  });

  it('is held before a token or a body is looked at', async () => {
    let checked = 0;
    const authenticator: Authenticator = {
      authenticate: () => (checked++, 'token_invalid'),
      close: () => {},
    };
    const world = createLoginWorld({ limits: { ...many, perSecondPerSource: 2 } }, { authenticator });
    expect(await codes(2, () => world.login({ token: 'x' }))).toEqual(['token_invalid', 'token_invalid']);
    expect(await codes(2, () => world.login({ token: 'x' }))).toEqual(['rate_limited', 'rate_limited']);
    expect(await codes(1, () => world.login({ token: 7 }))).toEqual(['rate_limited']);
    expect(checked).toBe(2);
  });

  it('says when to come back', async () => {
    const slow = createLoginWorld({ limits: { ...many, perSecondPerSource: 0.1 } });
    await slow.login();
    expect(await slow.login()).toMatchObject({ status: 429, retryAfterSeconds: 10 });
    const fast = createLoginWorld({ limits: { ...many, perSecondPerSource: 2 } });
    await codes(2, () => fast.login());
    expect(await fast.login()).toMatchObject({ status: 429, retryAfterSeconds: 1 });
  });
});
