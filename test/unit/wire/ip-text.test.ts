import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../../src/base/address.ts';
import { readIpv4Text, readIpv6Text, readPortText } from '../../../src/wire/ip-text.ts';
import { toHex } from './vectors.ts';

const BEFORE = 3;

/** What `read` makes of the text, with other text around it; null when it is none. */
function readText(read: typeof readIpv4Text, text: string): string | null {
  const bytes = new TextEncoder().encode(`9:.${text}9:.`);
  const into = new Uint8Array(30).fill(0xee);
  const end = bytes.length - 3;
  const isOne = read(bytes, BEFORE, end, into, 5);
  expect(toHex(into.subarray(0, 5))).toBe('ee'.repeat(5));
  expect(toHex(into.subarray(21))).toBe('ee'.repeat(9));
  return isOne ? toHex(into.subarray(5, 21)) : null;
}

/** The same by the reader of text that the configuration uses. */
function expected(text: string, family: 4 | 6): string | null {
  if (text.includes('%') || text.includes(':') !== (family === 6)) return null;
  const ip = parseIp(text);
  return ip === undefined ? null : toHex(ip);
}

const anyText = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4Extended(),
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdefAFg:::..% ')), maxLength: 45 }),
  fc
    .tuple(fc.ipV6(), fc.nat(45), fc.constantFrom(':', '.', '0', 'f', ''))
    .map(([ip, at, extra]) => ip.slice(0, at) + extra + ip.slice(at + 1)),
);

describe('IP addresses in bytes', () => {
  it('are read as parseIp reads the same text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(readText(readIpv4Text, text)).toBe(expected(text, 4));
        expect(readText(readIpv6Text, text)).toBe(expected(text, 6));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['::', '00'.repeat(16)],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['1::1.2.3.4', '00010000000000000000000001020304'],
    ['1:2:3:4:5:6:7:8::', null],
    ['1:2:3:4:5:6:7:8:9', null],
    [':::', null],
    ['1:', null],
    [':1', null],
    ['12345::', null],
    ['1:2:3:4:5:6:7:1.2.3.4', null],
    ['', null],
  ])('%s', (text, hex) => {
    expect(readText(readIpv6Text, text)).toBe(hex);
    expect(expected(text, 6)).toBe(hex);
  });
});

describe('ports in bytes', () => {
  it.each([
    ['0', 0],
    ['65535', 65_535],
    ['65536', -1],
    ['99999', -1],
    ['00', -1],
    ['01', -1],
    ['', -1],
    ['100000', -1],
    ['1a', -1],
    ['-1', -1],
    [' 1', -1],
  ])('%j', (text, port) => {
    const bytes = new TextEncoder().encode(`7${text}7`);
    expect(readPortText(bytes, 1, bytes.length - 1)).toBe(port);
  });
});
