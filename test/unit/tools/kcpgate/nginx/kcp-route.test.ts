import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../../../src/base/seeded-random.ts';
import { datagramKind } from '../../../../../src/wire/index.ts';

/** What njs hands to the functions of nginx/njs/kcp-route.js, as far as they use it. */
interface FakeSession {
  readonly variables: { kcpgate_conv?: string; kcpgate_owner?: string };
  on(event: string, take: (data: Buffer, flags: { readonly last: boolean }) => void): void;
  decline(): void;
}

const { default: route } = (await import(
  new URL('../../../../../nginx/njs/kcp-route.js', import.meta.url).href
)) as { default: Readonly<Record<'udp' | 'tcp', (session: FakeSession) => void>> };

/** What became of a client whose first bytes came in these pieces; undefined while nothing is decided. */
function routed(
  transport: 'udp' | 'tcp',
  pieces: readonly Buffer[],
): { readonly conv: string; readonly owner: string; readonly pieces: number } | undefined {
  let take: ((data: Buffer, flags: { readonly last: boolean }) => void) | undefined;
  const decisions: string[] = [];
  const session: FakeSession = {
    variables: {},
    on(event, callback) {
      expect(event).toBe('upstream');
      take = callback;
    },
    decline() {
      decisions.push('declined');
    },
  };
  route[transport](session);
  for (const [index] of pieces.entries()) {
    // nginx keeps what it read: each call has everything from the beginning.
    take?.(Buffer.concat(pieces.slice(0, index + 1)), { last: false });
    const { kcpgate_conv: conv, kcpgate_owner: owner } = session.variables;
    expect(decisions.length).toBeLessThan(2);
    if (decisions.length > 0) return { conv: conv!, owner: owner!, pieces: index + 1 };
  }
  return undefined;
}

function datagram(conv: number, kind: number, length = 24): Buffer {
  const bytes = Buffer.alloc(Math.max(length, 5));
  bytes.writeUInt32LE(conv, 0);
  bytes[4] = kind;
  return bytes.subarray(0, length);
}

function frame(inner: Buffer): Buffer {
  return Buffer.concat([Buffer.of(inner.length >> 8, inner.length & 0xff), inner]);
}

const NOBODY = { conv: '', owner: '' };

describe('the gateway of a datagram', () => {
  test.each([
    ['a clear segment', datagram(0x01_00_00_05, 81), { conv: '16777221', owner: '1' }],
    ['a probe of one gateway', datagram(0x02_00_00_01, 87, 64), { conv: '33554433', owner: '2' }],
    ['a sealed datagram', datagram(0xff_ff_ff_ff, 0xac, 1400), { conv: '4294967295', owner: '255' }],
    ['a handshake', datagram(0x80_00_00_00, 0xb7, 1200), { conv: '2147483648', owner: '128' }],
    ['a session of a gateway alone', datagram(0x00_00_00_07, 80), { conv: '7', owner: '0' }],
    ['a probe of any', datagram(0, 87, 64), NOBODY],
    ['FEC of a stock peer', datagram(0x01_00_00_05, 0xf1), NOBODY],
    ['an unknown kind', datagram(0x01_00_00_05, 0xa1), NOBODY],
    ['something short', datagram(0x01_00_00_05, 81, 23), NOBODY],
    ['nothing', Buffer.alloc(0), NOBODY],
  ])('%s', (_, bytes, expected) => {
    expect(routed('udp', [bytes])).toEqual({ ...expected, pieces: 1 });
    // Of a frame with less than the byte of the kind nginx waits for more.
    if (bytes.length >= 5) expect(routed('tcp', [frame(bytes)])).toEqual({ ...expected, pieces: 1 });
  });

  test('what is in it by the rules of the protocol, and nothing else', () => {
    const random = new SeededRandom(17);
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(
        Uint8Array.from({ length: random.nextUint32() % 40 }, () => random.nextUint32()),
      );
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const hasConversation = ['clear', 'sealed', 'handshake'].includes(datagramKind(view, 0, bytes.length));
      const conv = hasConversation ? bytes.readUInt32LE(0) : 0;
      const expected = conv === 0 ? NOBODY : { conv: String(conv), owner: String(conv >>> 24) };
      expect(routed('udp', [bytes]), bytes.toString('hex')).toEqual({ ...expected, pieces: 1 });
    }
  });
});

describe('the gateway of a connection', () => {
  test('is known after seven bytes, however they come, and not before', () => {
    const bytes = frame(datagram(0x03_00_00_05, 0xb0, 1200));
    const single = Array.from(bytes.subarray(0, 20), (byte) => Buffer.of(byte));
    expect(routed('tcp', single)).toEqual({ conv: '50331653', owner: '3', pieces: 7 });
    expect(routed('tcp', single.slice(0, 6))).toBeUndefined();
  });

  test('is any, when the connection ends before', () => {
    const results: unknown[] = [];
    for (let length = 0; length < 7; length++) {
      const session: FakeSession = {
        variables: {},
        on: (_, take) => take(frame(datagram(0x03_00_00_05, 0xb0)).subarray(0, length), { last: true }),
        decline: () => results.push(session.variables),
      };
      route.tcp(session);
    }
    expect(results).toEqual(Array(7).fill({ kcpgate_conv: '', kcpgate_owner: '' }));
  });

  test('is any, when the first frame is too short for a datagram', () => {
    expect(routed('tcp', [Buffer.concat([Buffer.of(0, 23), datagram(0x03_00_00_05, 0xb0, 40)])])).toEqual({
      ...NOBODY,
      pieces: 1,
    });
  });
});
