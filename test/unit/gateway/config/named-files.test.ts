import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TEST_CERTIFICATE, TEST_KEY } from './certificate.ts';
import { configOf, errorsOf, filesOf } from './loading.ts';

const publicPem = (pair: { readonly publicKey: { export(options: object): unknown } }): string =>
  String(pair.publicKey.export({ type: 'spki', format: 'pem' }));

const ED25519 = generateKeyPairSync('ed25519');
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const SHORT_RSA = generateKeyPairSync('rsa', { modulusLength: 1024 });
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ED25519_JWK = ED25519.publicKey.export({ format: 'jwk' });
const TOKEN = 'token-0123456789';
const KEY = Buffer.alloc(32, 5);

const FILES = filesOf({
  'cert.pem': TEST_CERTIFICATE,
  'key.pem': TEST_KEY,
  'other.pem': String(EC.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  'locked.pem': String(
    EC.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
  ),
  'ed25519.pem': publicPem(ED25519),
  'rsa.pem': publicPem(RSA),
  'short.pem': publicPem(SHORT_RSA),
  'ec.pem': publicPem(EC),
  'private.pem': String(ED25519.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  'set.json': JSON.stringify({ keys: [ED25519_JWK] }),
  'empty.json': JSON.stringify({ keys: [] }),
  'list.json': JSON.stringify([ED25519_JWK]),
  'strange.json': JSON.stringify({ keys: [{ kid: 'a' }] }),
  'null.json': 'null',
  'secret.json': JSON.stringify({ keys: [ED25519.privateKey.export({ format: 'jwk' })] }),
  'token.txt': `  ${TOKEN}\n`,
  'key.txt': `${KEY.toString('base64url')}\n`,
  'jwt.txt': `${'s'.repeat(32)}\n`,
  'empty.txt': '\n',
});

describe('a certificate and its key', () => {
  it.each(['kcp-tcp', 'http'])('are read with a listener of type %s', (type) => {
    const text = `listeners: [{ name: a, type: ${type}, tls: { cert_file: cert.pem, key_file: key.pem } }]`;
    expect(configOf(text, FILES).listeners[0]).toMatchObject({
      tls: { certificate: TEST_CERTIFICATE, key: TEST_KEY, certificateFile: 'cert.pem', keyFile: 'key.pem' },
    });
  });

  it('can be named by the environment, also where the file has no TLS', () => {
    const env = {
      KCPGATE_LISTENERS_A_TLS_CERT_FILE: 'cert.pem',
      KCPGATE_LISTENERS_A_TLS_KEY_FILE: 'key.pem',
    };
    const text = 'listeners: [{ name: a, type: http, tls: null }]';
    expect(configOf(text, { ...FILES, env }).listeners[0]).toMatchObject({ tls: { key: TEST_KEY } });
  });

  it.each([
    [
      'cert_file: gone.pem, key_file: key.pem',
      '1:54: listeners[0].tls.cert_file: cannot read "gone.pem": no such file',
    ],
    [
      'cert_file: cert.pem, key_file: gone.pem',
      '1:74: listeners[0].tls.key_file: cannot read "gone.pem": no such file',
    ],
    [
      'cert_file: key.pem, key_file: key.pem',
      '1:54: listeners[0].tls.cert_file: the file holds no certificate in PEM',
    ],
    [
      'cert_file: cert.pem, key_file: cert.pem',
      '1:74: listeners[0].tls.key_file: the file holds no private key in PEM that needs no password',
    ],
    [
      'cert_file: cert.pem, key_file: locked.pem',
      '1:74: listeners[0].tls.key_file: the file holds no private key in PEM that needs no password',
    ],
    [
      'cert_file: cert.pem, key_file: other.pem',
      '1:74: listeners[0].tls.key_file: the file does not hold the key of the certificate',
    ],
  ])('%s', (keys, expected) => {
    expect(errorsOf(`listeners: [{ name: a, type: http, tls: { ${keys} } }]`, FILES)).toEqual([expected]);
  });
});

describe('what checks tokens', () => {
  const jwt = (keys: string): string => `login: { auth: jwt, jwt: { ${keys} } }`;

  it.each([
    ['ed25519.pem', 'EdDSA'],
    ['rsa.pem', 'RS256'],
  ])('can be the public key in %s, good for %s', (file, algorithm) => {
    const { login } = configOf(jwt(`public_key_file: ${file}`), FILES);
    expect(login.jwt).toMatchObject({ key: { type: 'public-key', file }, algorithms: [algorithm] });
    expect(login.jwt?.key).toHaveProperty('pem', expect.stringContaining('BEGIN PUBLIC KEY'));
  });

  it('can be a key set', () => {
    expect(configOf(jwt('jwks_file: set.json'), FILES).login.jwt).toMatchObject({
      key: { type: 'jwks', file: 'set.json', json: JSON.stringify({ keys: [ED25519_JWK] }) },
      algorithms: ['RS256', 'EdDSA'],
    });
  });

  it('can be a secret', () => {
    expect(configOf(jwt('secret_file: jwt.txt'), FILES).login.jwt).toMatchObject({
      key: { type: 'secret', secret: 's'.repeat(32) },
      algorithms: ['HS256'],
    });
  });

  const NO_KEY = 'the file holds no RSA key of 2048 bits or more and no Ed25519 key in PEM';
  const NO_SET = 'the file holds no JSON Web Key Set with at least one key';
  it.each([
    ['public_key_file: gone.pem', '1:45: login.jwt.public_key_file: cannot read "gone.pem": no such file'],
    [
      'public_key_file: private.pem',
      '1:45: login.jwt.public_key_file: the file holds a private key, which is not needed here',
    ],
    ['public_key_file: set.json', `1:45: login.jwt.public_key_file: ${NO_KEY}`],
    ['public_key_file: short.pem', `1:45: login.jwt.public_key_file: ${NO_KEY}`],
    ['public_key_file: ec.pem', `1:45: login.jwt.public_key_file: ${NO_KEY}`],
    [
      'public_key_file: rsa.pem, algorithms: [EdDSA]',
      '1:67: login.jwt.algorithms[0]: the key of public_key_file is for RS256, not for EdDSA',
    ],
    [
      'public_key_file: rsa.pem, algorithms: [RS256, HS256]',
      '1:74: login.jwt.algorithms[1]: HS256 needs a secret, not "public_key_file"',
    ],
    ['jwks_file: rsa.pem', `1:39: login.jwt.jwks_file: ${NO_SET}`],
    ['jwks_file: empty.json', `1:39: login.jwt.jwks_file: ${NO_SET}`],
    ['jwks_file: list.json', `1:39: login.jwt.jwks_file: ${NO_SET}`],
    ['jwks_file: strange.json', `1:39: login.jwt.jwks_file: ${NO_SET}`],
    ['jwks_file: null.json', `1:39: login.jwt.jwks_file: ${NO_SET}`],
    [
      'jwks_file: secret.json',
      '1:39: login.jwt.jwks_file: the file holds a private or secret key, which is not needed here',
    ],
    [
      `secret: ${'s'.repeat(32)}, secret_file: jwt.txt`,
      '1:83: login.jwt.secret_file: only one of "secret" and "secret_file" can be given',
    ],
    ['secret_file: token.txt', '1:41: login.jwt.secret: must be text of 32 bytes or more'],
  ])('%s', (keys, expected) => {
    expect(errorsOf(jwt(keys), FILES)).toEqual([expected]);
  });
});

describe('a secret in a file', () => {
  it('is the value of its key, without white space at its ends', () => {
    const text = `
common: { admin_addr: '0.0.0.0:8888', admin_token_file: token.txt }
login:
  auth: static
  tokens: [{ subject: a, token_file: token.txt }]
  ticket_keys: [{ id: 1, key_file: key.txt }]
  reset_key_file: key.txt`;
    const { common, login } = configOf(text, FILES);
    expect(common.adminToken).toBe(TOKEN);
    expect(login).toMatchObject({
      tokens: [{ subject: 'a', token: TOKEN }],
      ticketKeys: [{ id: 1, key: Uint8Array.from(KEY) }],
      resetKey: Uint8Array.from(KEY),
    });
  });

  it.each([
    ['common: { admin_token_file: gone }', '1:29: common.admin_token_file: cannot read "gone": no such file'],
    [
      'common: { admin_token_file: key.pem }',
      '1:29: common.admin_token: must be 16 to 512 characters of printable ASCII without spaces',
    ],
    [
      'common: { admin_token_file: empty.txt }',
      '1:29: common.admin_token: must be 16 to 512 characters of printable ASCII without spaces',
    ],
    [
      `common: { admin_token: ${TOKEN}, admin_token_file: token.txt }`,
      '1:60: common.admin_token_file: only one of "admin_token" and "admin_token_file" can be given',
    ],
    [
      'common: { admin_token_file: 5 }',
      '1:29: common.admin_token_file: must be the path of a file, or null, is 5',
    ],
    [
      'common: { admin_token_file: "" }',
      '1:29: common.admin_token_file: must be the path of a file, or null, is ""',
    ],
    [
      'login: { ticket_keys: [{ id: 1, key_file: token.txt }] }',
      '1:43: login.ticket_keys[0].key: must be 32 bytes in base64 or hexadecimal',
    ],
    [
      'login: { ticket_keys: [{ id: 1, key_file: gone }] }',
      '1:43: login.ticket_keys[0].key_file: cannot read "gone": no such file',
    ],
    [
      'login: { auth: static, tokens: [{ subject: a, token_file: token.txt }, { subject: b, token_file: token.txt }] }',
      '1:72: login.tokens[1]: the token is taken by login.tokens[0] (line 1)',
    ],
    [
      'login: { reset_key_file: token.txt }',
      '1:26: login.reset_key: must be 32 bytes in base64 or hexadecimal',
    ],
  ])('%s', (text, expected) => {
    expect(errorsOf(text, FILES)).toEqual([expected]);
  });

  it('is read from the file system', () => {
    const [error] = errorsOf(`common: { admin_token_file: '${import.meta.dirname}' }`);
    expect(error).toMatch(/^1:29: common.admin_token_file: cannot read ".*": is a directory$/);
  });
});

describe('a secret from outside of the file', () => {
  const INLINE = `common: { admin_token: ${'x'.repeat(16)} }`;
  const NAMED = 'common: { admin_token_file: gone }';

  it.each([
    [INLINE, { KCPGATE_COMMON_ADMIN_TOKEN: TOKEN }],
    [INLINE, { KCPGATE_COMMON_ADMIN_TOKEN_FILE: 'token.txt' }],
    [NAMED, { KCPGATE_COMMON_ADMIN_TOKEN: TOKEN }],
    [NAMED, { KCPGATE_COMMON_ADMIN_TOKEN_FILE: 'token.txt' }],
    ['', { KCPGATE_COMMON_ADMIN_TOKEN_FILE: 'token.txt' }],
  ])('replaces %j by %j', (text, env) => {
    expect(configOf(text, { ...FILES, env }).common.adminToken).toBe(TOKEN);
  });

  it('can come from a flag, which goes before the environment', () => {
    const flags = [{ flag: '--set', key: 'common.admin_token_file', text: 'token.txt' }];
    const env = { KCPGATE_COMMON_ADMIN_TOKEN: 'y'.repeat(16) };
    expect(configOf(INLINE, { ...FILES, env, flags }).common.adminToken).toBe(TOKEN);
  });

  it('cannot come in both ways at once', () => {
    const env = { KCPGATE_COMMON_ADMIN_TOKEN: TOKEN, KCPGATE_COMMON_ADMIN_TOKEN_FILE: 'token.txt' };
    expect(errorsOf('', { ...FILES, env })).toEqual([
      'KCPGATE_COMMON_ADMIN_TOKEN_FILE: KCPGATE_COMMON_ADMIN_TOKEN is set too; only one of the two can be',
    ]);
  });

  it('can be a list: of keys, of tokens, from a file as well', () => {
    const hex = KEY.toString('hex');
    const env = {
      KCPGATE_LOGIN_AUTH: 'static',
      KCPGATE_LOGIN_TICKET_KEYS: `2:${hex}, 1:${KEY.toString('base64')}`,
      KCPGATE_LOGIN_TOKENS_FILE: 'tokens',
    };
    const files = filesOf({ tokens: `alice:${TOKEN}a:b\nbob:${TOKEN}c\n` });
    expect(configOf('', { ...files, env }).login).toMatchObject({
      ticketKeys: [
        { id: 2, key: Uint8Array.from(KEY) },
        { id: 1, key: Uint8Array.from(KEY) },
      ],
      tokens: [
        { subject: 'alice', token: `${TOKEN}a:b` },
        { subject: 'bob', token: `${TOKEN}c` },
      ],
    });
  });

  it.each([
    [
      { KCPGATE_LOGIN_TICKET_KEYS: 's3cr3t' },
      'KCPGATE_LOGIN_TICKET_KEYS: login.ticket_keys: must be a list of keys (as text: 1:<key>,0:<key>)',
    ],
    [
      { KCPGATE_LOGIN_TICKET_KEYS: 'one:s3cr3t' },
      'KCPGATE_LOGIN_TICKET_KEYS: login.ticket_keys[0].id: must be a whole number from 0 to 255',
      'KCPGATE_LOGIN_TICKET_KEYS: login.ticket_keys[0].key: must be 32 bytes in base64 or hexadecimal',
    ],
    [
      { KCPGATE_LOGIN_TOKENS: 'alice' },
      'KCPGATE_LOGIN_TOKENS: login.tokens: must be a list of tokens (as text: alice:<token>,bob:<token>)',
    ],
    [
      { KCPGATE_LOGIN_JWT_SECRET: 's3cr3t' },
      'KCPGATE_LOGIN_JWT_SECRET: login.jwt.secret: must be text of 32 bytes or more',
    ],
  ])('%j is an error that does not show it', (env, ...expected) => {
    expect(errorsOf('', { env })).toEqual(expected);
  });
});
