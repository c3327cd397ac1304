import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Makes a check for one token. Digests under a random key are compared, so that the time it takes tells nothing of how
 * much of a token was right; the token itself is not kept.
 */
export function createTokenCheck(token: string): (candidate: string) => boolean {
  const key = randomBytes(DIGEST_BYTES);
  const digestOf = (text: string): Uint8Array => createHmac('sha256', key).update(text).digest();
  const known = digestOf(token);
  return (candidate) => timingSafeEqual(known, digestOf(candidate));
}

const DIGEST_BYTES = 32;
