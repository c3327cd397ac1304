import { expect, it } from 'vitest';
import { AEAD_STRIDE } from '../../native-bindings/index.ts';
import { CIPHER_STRIDE } from '../../src/base/packet-cipher.ts';
import { createPacketCipher, nativeCipherSupport } from '../../src/crypto/create-packet-cipher.ts';
import { NodePacketCipher } from '../../src/crypto/node-packet-cipher.ts';
import { describeWithNative } from '../support/native.ts';
import { describePacketCipher } from './packet-cipher.ts';
import { describeEqualCiphers } from './packet-cipher-pair.ts';

describePacketCipher('node', () => new NodePacketCipher());

describeWithNative('packet cipher of the addon', (bindings, file) => {
  const load = { status: 'loaded', bindings, file } as const;

  it('is supported by the crypto library of this Node, and used', () => {
    expect(nativeCipherSupport(load)).toEqual({ supported: true });
    expect(createPacketCipher(load).implementation).toBe('native');
    expect(AEAD_STRIDE).toBe(CIPHER_STRIDE);
  });

  describePacketCipher('native', () => createPacketCipher(load));
  describeEqualCiphers(
    () => createPacketCipher(load),
    () => new NodePacketCipher(),
  );
});
