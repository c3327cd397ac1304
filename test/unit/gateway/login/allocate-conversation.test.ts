import { describe, expect, it } from 'vitest';
import { createHandshakeCrypto } from '../../../../src/crypto/handshake-keys.ts';
import { allocateConversation } from '../../../../src/gateway/login/allocate-conversation.ts';
import { isAllocatableConv, ownerOf } from '../../../../src/wire/conversation.ts';

const { randomBytes } = { randomBytes: (length: number) => createHandshakeCrypto().randomBytes(length) };
const never = (): boolean => false;

/** Random bytes as a list says, three at a time. */
function bytesOf(...values: readonly (readonly [number, number, number])[]): (length: number) => Uint8Array {
  const left = [...values];
  return (length) => Uint8Array.from(left.shift()!).subarray(0, length);
}

describe('a new conversation', () => {
  it.each([0, 1, 127, 128, 255])('belongs to gateway %i and may be given out', (owner) => {
    for (let i = 0; i < 200; i++) {
      const conv = allocateConversation(owner, randomBytes, never)!;
      expect(ownerOf(conv)).toBe(owner);
      expect(isAllocatableConv(conv)).toBe(true);
    }
  });

  it('reaches workers evenly', () => {
    const counts = [0, 0, 0];
    for (let i = 0; i < 3000; i++) counts[allocateConversation(1, randomBytes, never)! % 3]!++;
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });

  it('is none that is in use, and none that something in front could take for a header', () => {
    const draws = bytesOf([0, 0, 0], [0, 0xec, 0x56], [1, 2, 3], [1, 2, 4]);
    expect(allocateConversation(0, draws, (conv) => conv === 0x010203)).toBe(0x010204);
    const proxy = bytesOf([0x4f, 0x52, 0x50], [0x0a, 0x0d, 0x0a], [7, 7, 7]);
    expect(allocateConversation(0x58, proxy, never)).toBe(0x580a0d0a);
  });

  it('is not looked for without end', () => {
    let draws = 0;
    const count = (length: number): Uint8Array => {
      draws++;
      return randomBytes(length);
    };
    expect(allocateConversation(1, count, () => true)).toBeUndefined();
    expect(draws).toBeLessThan(100);
  });
});
