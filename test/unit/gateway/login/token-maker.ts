import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { NOW_MS } from './login-world.ts';

/** Seconds of Unix time, relative to the time of the tests. */
export const seconds = (fromNow: number): number => NOW_MS / 1000 + fromNow;

export const SECRET = 'a secret of at least 32 bytes, for tests only';

export const ED25519 = generateKeyPairSync('ed25519');
export const OTHER_ED25519 = generateKeyPairSync('ed25519');
export const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }) as string;
}

/** A public key as an entry of a key set. */
export function jwkOf(key: KeyObject, kid?: string): object {
  return { ...key.export({ format: 'jwk' }), ...(kid === undefined ? {} : { kid }) };
}

/** A token that expires in a minute; claims replace those it has anyway, undefined takes one away. */
export function sign(
  algorithm: string,
  key: KeyObject | Uint8Array,
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const payload: Record<string, unknown> = { sub: 'user-7', exp: seconds(60), ...claims };
  const known = Object.entries(payload).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(known)).setProtectedHeader({ ...header, alg: algorithm }).sign(key);
}

/** A token put together by hand, as no library would: any header, any payload, any HMAC key. */
export function forge(header: unknown, payload: unknown, key: string | Uint8Array = ''): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}
