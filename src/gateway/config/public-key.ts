import { createPublicKey } from 'node:crypto';
import type { JwtAlgorithm } from './config.ts';

/** The signatures that a public key in PEM (or that of a certificate) can check; undefined: none, or no such key. */
export function publicKeyAlgorithm(pem: string): JwtAlgorithm | undefined {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(pem);
    if (asymmetricKeyType === 'ed25519') return 'EdDSA';
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return asymmetricKeyType === 'rsa' && bits >= MIN_RSA_BITS ? 'RS256' : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 7518, section 3.3; shorter keys are refused by those that check signatures. */
const MIN_RSA_BITS = 2048;
