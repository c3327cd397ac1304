import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import type { JwtConfig, JwtKeyConfig } from '../../../../src/gateway/config/config.ts';
import type { Authenticator } from '../../../../src/gateway/login/authenticator.ts';
import { createAuthenticator } from '../../../../src/gateway/login/create-authenticator.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { NOW_MS } from './login-world.ts';
import { ED25519, forge, jwkOf, OTHER_ED25519, pemOf, RSA, SECRET, seconds, sign } from './token-maker.ts';

const secretKey: JwtKeyConfig = { type: 'secret', secret: SECRET };
const keySet: JwtKeyConfig = {
  type: 'jwks',
  file: '/nowhere',
  json: JSON.stringify({ keys: [jwkOf(RSA.publicKey, 'rsa-1'), jwkOf(ED25519.publicKey, 'ed-1')] }),
};
const publicKey = (pem: string): JwtKeyConfig => ({ type: 'public-key', pem, file: 'key.pem' });

function authenticator(
  changes: Partial<JwtConfig>,
  logger: RecordingLogger | typeof NO_LOG = NO_LOG,
): Authenticator {
  const jwt: JwtConfig = {
    key: secretKey,
    algorithms: ['HS256'],
    issuer: null,
    audience: null,
    subjectClaim: 'sub',
    ticketClaims: [],
    clockToleranceMs: 0,
    jwksCacheMs: 600_000,
    ...changes,
  };
  return createAuthenticator({ auth: 'jwt', jwt, tokens: [] }, { clock: { now: () => 0 }, logger });
}

const hs256 = (claims?: Readonly<Record<string, unknown>>) => sign('HS256', Buffer.from(SECRET), claims);
const user7 = { subject: 'user-7', claims: '' };

describe('a token is accepted', () => {
  it.each([
    ['HS256', secretKey, () => hs256()],
    ['EdDSA', publicKey(pemOf(ED25519.publicKey)), () => sign('EdDSA', ED25519.privateKey)],
    ['RS256', publicKey(pemOf(RSA.publicKey)), () => sign('RS256', RSA.privateKey)],
  ] as const)('with the key of %s', async (algorithm, key, token) => {
    const checks = authenticator({ key, algorithms: [algorithm] });
    expect(await checks.authenticate(await token(), NOW_MS)).toEqual(user7);
  });

  it('with a key of a set, named or found', async () => {
    const checks = authenticator({ key: keySet, algorithms: ['RS256', 'EdDSA'] });
    for (const header of [{}, { kid: 'rsa-1' }]) {
      expect(await checks.authenticate(await sign('RS256', RSA.privateKey, {}, header), NOW_MS)).toEqual(
        user7,
      );
    }
    expect(await checks.authenticate(await sign('EdDSA', ED25519.privateKey), NOW_MS)).toEqual(user7);
  });

  it('with any key of a set that fits, when it does not say which', async () => {
    const keys = [jwkOf(OTHER_ED25519.publicKey, 'a'), jwkOf(ED25519.publicKey, 'b')];
    const key: JwtKeyConfig = { type: 'jwks', file: '/nowhere', json: JSON.stringify({ keys }) };
    const checks = authenticator({ key, algorithms: ['EdDSA'] });
    expect(await checks.authenticate(await sign('EdDSA', ED25519.privateKey), NOW_MS)).toEqual(user7);
    const expired = await sign('EdDSA', ED25519.privateKey, { exp: seconds(-1) });
    expect(await checks.authenticate(expired, NOW_MS)).toBe('token_expired');
    const stranger = await sign('EdDSA', generateKeyPairSync('ed25519').privateKey);
    expect(await checks.authenticate(stranger, NOW_MS)).toBe('token_invalid');
  });

  it('from the issuer, for the audience, in time', async () => {
    const checks = authenticator({
      issuer: 'https://id.example',
      audience: 'gate',
      clockToleranceMs: 30_000,
    });
    const rightful = { iss: 'https://id.example', aud: ['other', 'gate'] };
    for (const times of [
      {},
      { exp: seconds(-29) },
      { nbf: seconds(29) },
      { nbf: seconds(-1), iat: seconds(-1) },
    ]) {
      expect(await checks.authenticate(await hs256({ ...rightful, ...times }), NOW_MS)).toEqual(user7);
    }
  });

  it('and names its subject in the claim that was configured, and what goes into the ticket', async () => {
    const checks = authenticator({ subjectClaim: 'user_id', ticketClaims: ['tier', 'flags', 'none'] });
    const token = await hs256({ user_id: 'Zoë', sub: 'x', tier: 'gold', flags: [1, true], other: 'secret' });
    expect(await checks.authenticate(token, NOW_MS)).toEqual({
      subject: 'Zoë',
      claims: '{"tier":"gold","flags":[1,true]}',
    });
  });
});

describe('a token is refused', () => {
  const rules = { issuer: 'https://id.example', audience: 'gate' };
  const rightful = { iss: 'https://id.example', aud: 'gate' };

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['that has expired', { exp: seconds(0) }, 'token_expired'],
    ['that never expires', { exp: undefined }, 'token_invalid'],
    ['that expires at a text', { exp: '2030-01-01' }, 'token_invalid'],
    ['that is not valid yet', { nbf: seconds(1) }, 'token_invalid'],
    ['of another issuer', { iss: 'https://id.example.evil' }, 'token_invalid'],
    ['without issuer', { iss: undefined }, 'token_invalid'],
    ['for another audience', { aud: ['other'] }, 'token_invalid'],
    ['for no audience', { aud: undefined }, 'token_invalid'],
    ['without subject', { sub: undefined }, 'token_invalid'],
    ['with an empty subject', { sub: '' }, 'token_invalid'],
    ['with a number as subject', { sub: 7 }, 'token_invalid'],
    ['with a list as subject', { sub: ['user-7'] }, 'token_invalid'],
    ['with a line break in the subject', { sub: 'user\n7' }, 'token_invalid'],
    ['with half a character in the subject', { sub: 'user-\ud83d' }, 'token_invalid'],
    ['with a subject of 256 bytes', { sub: 'é'.repeat(128) }, 'token_invalid'],
  ])('%s', async (_, claims, expected) => {
    const checks = authenticator(rules);
    expect(await checks.authenticate(await hs256({ ...rightful, ...claims }), NOW_MS)).toBe(expected);
    expect(await checks.authenticate(await hs256(rightful), NOW_MS)).toEqual(user7);
  });

  it('when claims of the ticket do not fit into one', async () => {
    const checks = authenticator({ ticketClaims: ['big'] });
    const claimsOf = (length: number): Promise<string> => hs256({ big: 'b'.repeat(length) });
    expect(await checks.authenticate(await claimsOf(683 - 10), NOW_MS)).toMatchObject({ subject: 'user-7' });
    expect(await checks.authenticate(await claimsOf(684 - 10), NOW_MS)).toBe('token_invalid');
  });

  it('when there is none', async () => {
    expect(await authenticator({}).authenticate(undefined, NOW_MS)).toBe('token_required');
  });

  it('when any one character is another, but for bits that mean nothing', async () => {
    const checks = authenticator({});
    const token = await hs256();
    // The last character of the signature has two bits that no byte is made of.
    for (let at = 0; at < token.length - 1; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const altered = token.slice(0, at) + other + token.slice(at + 1);
      expect(await checks.authenticate(altered, NOW_MS), `at ${at}`).toBe('token_invalid');
    }
  });

  it.each(['', '.', '..', '...', 'a.b.c', 'e30.e30.', 'null', '\ud83d', `${'a'.repeat(4000)}.b.c`])(
    'that is none: %j',
    async (token) => {
      expect(await authenticator({}).authenticate(token, NOW_MS)).toBe('token_invalid');
    },
  );

  it('for reasons that are logged, without the token', async () => {
    const logger = new RecordingLogger();
    const checks = authenticator({ issuer: 'x' }, logger);
    const token = await hs256({ iss: 'y', sub: 'do-not-log' });
    await checks.authenticate(token, NOW_MS);
    expect(logger.records).toHaveLength(1);
    const text = JSON.stringify(logger.records);
    for (const part of [...token.split('.'), 'do-not-log']) expect(text).not.toContain(part);
  });
});

describe('no algorithm stands in for another', () => {
  const payload = { sub: 'admin', exp: seconds(60) };

  it.each([
    ['none, without signature', (): string => forge({ alg: 'none' }, payload).replace(/[^.]+$/, '')],
    ['none, with one', (): string => forge({ alg: 'none' }, payload)],
    ['NONE', (): string => forge({ alg: 'NONE' }, payload)],
    [
      'HS256 under the public key as text',
      (): string => forge({ alg: 'HS256' }, payload, pemOf(RSA.publicKey)),
    ],
    [
      'HS256 under the public key as bytes',
      (): string => forge({ alg: 'HS256' }, payload, RSA.publicKey.export({ type: 'spki', format: 'der' })),
    ],
    ['HS256 under nothing', (): string => forge({ alg: 'HS256' }, payload)],
    ['HS256 and the id of an RSA key', (): string => forge({ alg: 'HS256', kid: 'rsa-1' }, payload, 'rsa-1')],
    [
      'a key that the token brings along',
      (): string =>
        forge({ alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }, payload, Buffer.from('AAAA', 'base64url')),
    ],
    ['no algorithm', (): string => forge({}, payload)],
    ['a list of algorithms', (): string => forge({ alg: ['HS256'] }, payload)],
    ['a critical extension', (): string => forge({ alg: 'HS256', crit: ['x'], x: 1 }, payload, SECRET)],
    [
      'an unencoded payload',
      (): string => forge({ alg: 'HS256', b64: false, crit: ['b64'] }, payload, SECRET),
    ],
  ])('%s', async (_, token) => {
    for (const key of [publicKey(pemOf(RSA.publicKey)), keySet]) {
      const checks = authenticator({ key, algorithms: ['RS256'] });
      expect(await checks.authenticate(token(), NOW_MS)).toBe('token_invalid');
    }
    expect(await authenticator({}).authenticate(token(), NOW_MS)).toBe('token_invalid');
  });

  it('a good signature of an algorithm that is not allowed', async () => {
    const onlyEd = authenticator({ key: keySet, algorithms: ['EdDSA'] });
    expect(await onlyEd.authenticate(await sign('RS256', RSA.privateKey), NOW_MS)).toBe('token_invalid');
    for (const algorithm of ['HS384', 'HS512']) {
      const token = await sign(algorithm, Buffer.from(SECRET.repeat(3)));
      const checks = authenticator({ key: { type: 'secret', secret: SECRET.repeat(3) } });
      expect(await checks.authenticate(token, NOW_MS)).toBe('token_invalid');
    }
    const pss = await sign('PS256', RSA.privateKey);
    const onlyRsa = authenticator({ key: publicKey(pemOf(RSA.publicKey)), algorithms: ['RS256'] });
    expect(await onlyRsa.authenticate(pss, NOW_MS)).toBe('token_invalid');
  });
});

describe('keys that cannot be used are refused at the start', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  it.each<[string, Partial<JwtConfig>]>([
    ['a short secret', { key: { type: 'secret', secret: 's'.repeat(31) } }],
    ['a secret for RS256', { algorithms: ['RS256'] }],
    ['a public key for HS256', { key: publicKey(pemOf(RSA.publicKey)), algorithms: ['HS256'] }],
    ['an RSA key for EdDSA', { key: publicKey(pemOf(RSA.publicKey)), algorithms: ['RS256', 'EdDSA'] }],
    ['a weak RSA key', { key: publicKey(pemOf(weak.publicKey)), algorithms: ['RS256'] }],
    ['a key of another kind', { key: publicKey(pemOf(curve.publicKey)), algorithms: ['EdDSA'] }],
    [
      'a private key',
      {
        key: publicKey(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
        algorithms: ['RS256'],
      },
    ],
    ['no key', { key: publicKey('nothing'), algorithms: ['RS256'] }],
    ['a key set for HS256', { key: keySet, algorithms: ['HS256'] }],
    [
      'a key set that is none',
      { key: { type: 'jwks', json: '{"keys":1}', file: 'f' }, algorithms: ['RS256'] },
    ],
    ['a key set that is not JSON', { key: { type: 'jwks', json: '{', file: 'f' }, algorithms: ['RS256'] }],
    [
      'keys over plain HTTP',
      { key: { type: 'jwks-url', url: 'http://id.example/keys' }, algorithms: ['RS256'] },
    ],
    [
      'a URL with a password',
      { key: { type: 'jwks-url', url: 'https://a:b@id.example/' }, algorithms: ['RS256'] },
    ],
    ['no algorithm', { algorithms: [] }],
  ])('%s', (_, changes) => {
    let thrown: unknown;
    try {
      authenticator(changes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ code: 'config_invalid' });
  });
});
