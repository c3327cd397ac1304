import { readUtf8 } from '../wire/utf8.ts';
import { decodeBase64Url } from './base64-url.ts';

/**
 * When a JSON Web Token says that it expires (`exp`). Nothing is verified: whoever made the token may write what he likes,
 * and the gateway decides.
 * @returns ms of Unix time; undefined when it is no JSON Web Token, or does not say.
 */
export function tokenExpiry(token: string): number | undefined {
  const parts = token.split('.', 4);
  if (parts.length !== 3 || token.length > MAX_TOKEN_LENGTH) return undefined;
  const payload = decodeBase64Url(parts[1] ?? '');
  if (payload === undefined) return undefined;
  const exp = expOf(readUtf8(payload, 0, payload.length));
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined;
}

function expOf(json: string): unknown {
  try {
    const claims: unknown = JSON.parse(json);
    return typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
  } catch {
    return undefined;
  }
}

/** Longer ones are refused by gateways. */
const MAX_TOKEN_LENGTH = 8192;
