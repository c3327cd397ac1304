import { describe, expect, it } from 'vitest';
import { AEAD_STRIDE, loadNativeBindings } from '../../native-bindings/index.ts';
import { CIPHER_STRIDE } from '../../src/base/packet-cipher.ts';
import { createPacketCipher, nativeCipherSupport } from '../../src/crypto/create-packet-cipher.ts';
import { NodePacketCipher } from '../../src/crypto/node-packet-cipher.ts';
import { describePacketCipher } from './packet-cipher.ts';
import { describeEqualCiphers } from './packet-cipher-pair.ts';

const load = loadNativeBindings('on');
const support = nativeCipherSupport(load);

describePacketCipher('node', () => new NodePacketCipher());

if (support.supported) {
  describePacketCipher('native', () => createPacketCipher(load));
  describeEqualCiphers(
    () => createPacketCipher(load),
    () => new NodePacketCipher(),
  );
  it('one stride', () => {
    expect(AEAD_STRIDE).toBe(CIPHER_STRIDE);
  });
} else {
  describe.skip(`packet cipher: native (${support.reason})`, () => {
    it('is not here', () => {});
  });
}
