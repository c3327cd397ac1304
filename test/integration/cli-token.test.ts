import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { NO_LOG } from '../../src/base/logger.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import type { JwtAlgorithm, JwtKeyConfig } from '../../src/gateway/config/config.ts';
import { createAuthenticator } from '../../src/gateway/login/create-authenticator.ts';
import type { SessionEntry } from '../../src/gateway/login/login-answer.ts';
import { runKcpgate } from '../support/kcpgate-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'kcpgate-token-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const KEY = /^[\w-]{43}\n$/;

/** A file of the test's own with this content. */
function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function outputOf(...words: readonly string[]): Promise<string> {
  const result = await runKcpgate(['token', ...words]);
  expect(result).toMatchObject({ code: 0, errorOutput: '' });
  return result.output;
}

async function errorOf(...words: readonly string[]): Promise<string> {
  const result = await runKcpgate(['token', ...words]);
  expect(result).toMatchObject({ code: 2, output: '' });
  return result.errorOutput;
}

/** Whom a gateway that has the other key takes a token for. */
async function subjectOf(token: string, key: JwtKeyConfig, algorithm: JwtAlgorithm): Promise<unknown> {
  const authenticator = createAuthenticator(
    {
      auth: 'jwt',
      jwt: {
        key,
        algorithms: [algorithm],
        issuer: 'https://id.example',
        audience: 'gate',
        subjectClaim: 'sub',
        ticketClaims: ['tier', 'level'],
        clockToleranceMs: 0,
        jwksCacheMs: 1000,
      },
      tokens: [],
    },
    { clock: { now: () => 0 }, logger: NO_LOG },
  );
  return authenticator.authenticate(token, Date.now());
}

describe('token key', () => {
  test('prints a key, another each time', async () => {
    const keys = [await outputOf('key'), await outputOf('key')];
    for (const key of keys) expect(key).toMatch(KEY);
    expect(keys[0]).not.toBe(keys[1]);
  });

  test('writes it to a new file for its owner, and over none that exists', async () => {
    const file = join(folder, 'new.key');
    expect(await outputOf('key', '--out', file)).toBe('');
    const written = readFileSync(file, 'utf8');
    expect(written).toMatch(KEY);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = await runKcpgate(['token', 'key', '--out', file]);
    expect(again.code).toBe(1);
    expect(again.errorOutput).toContain('exists');
    expect(readFileSync(file, 'utf8')).toBe(written);
  });
});

describe('token jwt', () => {
  const rights = ['--issuer', 'https://id.example', '--audience', 'gate'];
  const claims = ['--claim', 'tier=gold', '--claim', 'level=7'];
  const alice = { subject: 'alice', claims: '{"tier":"gold","level":7}' };
  const pem = (key: KeyObject): string =>
    key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }) as string;

  test('signs with a secret that token key made', async () => {
    const file = fileOf('jwt.secret', await outputOf('key'));
    const token = await outputOf('jwt', '--secret-file', file, '--subject', 'alice', ...rights, ...claims);
    const key: JwtKeyConfig = { type: 'secret', secret: readFileSync(file, 'utf8').trim() };
    expect(await subjectOf(token.trim(), key, 'HS256')).toEqual(alice);
  });

  test.each([
    ['EdDSA', generateKeyPairSync('ed25519')],
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ] as const)('signs with a private key: %s', async (algorithm, pair) => {
    const file = fileOf(`${algorithm}.pem`, pem(pair.privateKey));
    const token = await outputOf('jwt', '--key-file', file, '--subject', 'alice', ...rights, ...claims);
    const key: JwtKeyConfig = { type: 'public-key', pem: pem(pair.publicKey), file: '' };
    expect(await subjectOf(token.trim(), key, algorithm)).toEqual(alice);
  });

  test('says what is wrong', async () => {
    const short = fileOf('short.secret', 'short');
    const curve = fileOf('p256.pem', pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey));
    const subject = ['--subject', 'a'];
    expect(await errorOf('jwt', '--secret-file', short)).toContain("'--subject <text>' not specified");
    expect(await errorOf('jwt', ...subject)).toContain('either --secret-file or --key-file');
    expect(await errorOf('jwt', ...subject, '--secret-file', short)).toContain('shorter than 32 bytes');
    expect(await errorOf('jwt', ...subject, '--key-file', short)).toContain('not a private key');
    expect(await errorOf('jwt', ...subject, '--key-file', curve)).toContain(
      'neither an Ed25519 nor an RSA key',
    );
    expect(await errorOf('jwt', ...subject, '--key-file', join(folder, 'none'))).toContain('no such file');
    expect(await errorOf('jwt', ...subject, '--secret-file', short, '--claim', 'x')).toContain('name=value');
  });
});

describe('token ticket and token inspect', () => {
  const bytes = new Uint8Array(32).fill(7);
  const keyFile = fileOf('ticket.key', Buffer.from(bytes).toString('base64url'));
  const config = fileOf(
    'gateway.yaml',
    `common: { gateway_id: 9 }\nlogin: { ticket_keys: [ { id: 4, key_file: ${keyFile} } ] }\n`,
  );
  const ticketFrom = async (...words: readonly string[]): Promise<SessionEntry> =>
    JSON.parse(await outputOf('ticket', ...words)) as SessionEntry;

  test('issue what a gateway with the key opens, and show it again without its secret', async () => {
    const words = ['--subject', 'alice', '--claim', 'tier=gold', '--ttl', '1m'];
    const session = await ticketFrom('--key-file', keyFile, '--key-id', '4', '--gateway-id', '5', ...words);
    const ticket = Buffer.from(session.ticket, 'base64url');
    const opened = new TicketKeyring([{ id: 4, key: bytes }]).open(ticket, 0, ticket.length);
    expect(opened).toMatchObject({ conv: session.conv, subject: 'alice', claims: '{"tier":"gold"}' });

    const shown = await outputOf('inspect', '-c', config, session.ticket);
    expect(JSON.parse(shown)).toEqual({
      type: 'ticket',
      bytes: ticket.length,
      keyId: 4,
      conv: session.conv,
      gatewayId: 5,
      subject: 'alice',
      claims: { tier: 'gold' },
      seal: 'aes-128-gcm',
      issuedAt: expect.any(String) as string,
      expiresAt: session.expiresAt,
      expired: false,
    });
    expect(shown).not.toContain(session.secret);
  });

  test('take keys and gateway from a configuration', async () => {
    const session = await ticketFrom('-c', config, '--seal', 'clear');
    expect(session).toMatchObject({ gatewayId: 9, seal: 'clear' });
    const outside = JSON.parse(await outputOf('inspect', session.ticket)) as object;
    expect(outside).toEqual({ type: 'ticket', bytes: 86, keyId: 4 });
  });

  test('shows a JSON Web Token, too', async () => {
    const secret = fileOf('inspect.secret', await outputOf('key'));
    const token = await outputOf('jwt', '--secret-file', secret, '--subject', 'alice', '--kid', 'k1');
    expect(JSON.parse(await outputOf('inspect', token.trim()))).toMatchObject({
      type: 'jwt',
      header: { alg: 'HS256', kid: 'k1' },
      payload: { sub: 'alice' },
      expired: false,
      signature: 'not checked',
    });
  });

  test('say what is wrong', async () => {
    const session = await ticketFrom('-c', config);
    const otherKey = fileOf('other.key', await outputOf('key'));
    const noKeys = fileOf('no-keys.yaml', 'common: { gateway_id: 9 }\n');
    expect(await errorOf('ticket')).toContain('give --config');
    expect(await errorOf('ticket', '-c', noKeys)).toContain('no login.ticket_keys');
    expect(await errorOf('ticket', '--key-file', keyFile)).toContain('--key-id');
    expect(await errorOf('ticket', '--key-file', config, '--key-id', '1')).toContain('not 32 bytes');
    expect(await errorOf('ticket', '-c', config, '--subject', 'a\nb')).toContain('subject');
    expect(await errorOf('inspect', 'x')).toContain('this is no ticket');
    expect(await errorOf('inspect', 'a.b.c')).toContain('no JSON Web Token');
    const inspectWith = (file: string, id: string): Promise<string> =>
      errorOf('inspect', session.ticket, '--key-file', file, '--key-id', id);
    expect(await inspectWith(keyFile, '5')).toContain('none of the keys has the id 4');
    expect(await inspectWith(otherKey, '4')).toContain('does not open');
  });
});
