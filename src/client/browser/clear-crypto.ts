import { GatewayError } from '../../base/errors.ts';
import type { HandshakeCrypto } from '../../base/handshake-crypto.ts';

/** What handshakes of clear sessions need. Browsers have no synchronous cipher, so here are no keys to derive. */
export const CLEAR_CRYPTO: HandshakeCrypto = {
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  deriveKey: () => {
    throw new GatewayError('internal', 'a clear session has no keys');
  },
  equal: (a, b) => {
    let difference = a.length ^ b.length;
    for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
    return difference === 0;
  },
};
