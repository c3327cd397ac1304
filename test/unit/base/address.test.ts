import { isIP, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatIp,
  formatSocketAddress,
  isLoopback,
  parseIp,
  parseSocketAddress,
  sourceKey,
  type SocketAddress,
} from '../../../src/base/address.ts';

const hex = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? 'none' : Buffer.from(bytes).toString('hex');
const read = (text: string): SocketAddress | string => {
  const parsed = parseSocketAddress(text);
  return parsed.ok ? parsed.address : parsed.error;
};
const at = (address: string): SocketAddress => ({ address, family: address.includes(':') ? 6 : 4, port: 1 });

describe('parseIp', () => {
  test.each([
    ['1.2.3.4', '00000000000000000000ffff01020304'],
    ['255.255.255.255', '00000000000000000000ffffffffffff'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
    ['2001:DB8:0:0:8:800:200C:417A', '20010db80000000000080800200c417a'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['1:2:3:4:5:6:1.2.3.4', '00010002000300040005000601020304'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ])('%s', (text, expected) => {
    expect(hex(parseIp(text))).toBe(expected);
  });

  test.each([
    ...[
      '',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.256',
      '01.2.3.4',
      '1.2.3.',
      '.1.2.3',
      '1..2.3',
      '1.2.3.4 ',
      '-1.2.3.4',
    ],
    ...[
      ':',
      ':::',
      '1:',
      ':1',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7:8::',
      '12345::',
      'g::',
    ],
    ...[
      '::1.2.3',
      '1.2.3.4::',
      '::1.2.3.4:5',
      '1:2:3:4:5:6:7:1.2.3.4',
      '[::1]',
      '::1%',
      '::1% ',
      '::\u0011',
      'localhost',
    ],
    ...['1.2.3.4%eth0', '::ffff:1.2.3.4.', '0x1.2.3.4'],
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('accepts exactly what the platform accepts', () => {
    const piece = fc.constantFrom(
      ...[
        '0',
        '1',
        'f',
        'ff',
        '255',
        '256',
        'abcd',
        'ABCD',
        '12345',
        '::',
        ':',
        '.',
        '00',
        '127.0.0.1',
        'ffff',
        '%',
        'e',
      ],
    );
    const soup = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''));
    const groups = fc
      .tuple(fc.array(fc.constantFrom('0', '1', 'abcd', ''), { minLength: 1, maxLength: 10 }), fc.boolean())
      .map(([parts, dotted]) => parts.join(':') + (dotted ? ':10.0.0.1' : ''));
    const text = fc.oneof(soup, groups, fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string());
    fc.assert(
      fc.property(text, (candidate) => {
        expect([candidate, parseIp(candidate) !== undefined]).toEqual([candidate, isIP(candidate) !== 0]);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('formatIp', () => {
  // Examples of RFC 5952, sections 4 and 5.
  test.each([
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '10.1.2.3'],
  ])('%s is %s', (text, expected) => {
    expect(formatIp(parseIp(text) ?? new Uint8Array())).toBe(expected);
  });

  test('any 16 bytes, anywhere in an array, come back from their text', () => {
    const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 });
    const dense = fc.array(fc.nat(255), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(fc.oneof(sparse, dense), fc.nat(7), (bytes, offset) => {
        const text = formatIp(Uint8Array.from([...new Array<number>(offset).fill(9), ...bytes]), offset);
        expect(isIP(text)).not.toBe(0);
        expect([...(parseIp(text) ?? [])]).toEqual(bytes);
        // The platform writes IPv6 host names of URLs in the same form.
        if (!isIPv4(text)) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseSocketAddress', () => {
  test.each([
    ['0.0.0.0:4000', { address: '0.0.0.0', family: 4, port: 4000 }],
    ['[::]:4000', { address: '::', family: 6, port: 4000 }],
    ['[::ffff:1.2.3.4]:5', { address: '::ffff:1.2.3.4', family: 6, port: 5 }],
    ['[::ffff:102:304]:5', { address: '::ffff:1.2.3.4', family: 6, port: 5 }],
    ['[2001:DB8:0:0:0:0:0:1]:65535', { address: '2001:db8::1', family: 6, port: 65535 }],
    ['[fe80::0001%eth0]:1', { address: 'fe80::1%eth0', family: 6, port: 1 }],
    ['127.0.0.1:0', { address: '127.0.0.1', family: 4, port: 0 }],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test.each([
    ['', 'no port'],
    ['1.2.3.4', 'no port'],
    ['1.2.3.4:', 'port from 0 to 65535'],
    ['1.2.3.4:65536', 'port from 0 to 65535'],
    ['1.2.3.4:+1', 'port from 0 to 65535'],
    ['1.2.3.4: 1', 'port from 0 to 65535'],
    ['1.2.3.4:0080', 'port from 0 to 65535'],
    ['1.2.3.4:1e3', 'port from 0 to 65535'],
    ['localhost:80', 'host names are not accepted'],
    ['1.2.3:80', 'does not begin with an IP address'],
    ['::1:80', 'brackets around the IPv6'],
    ['[1.2.3.4]:80', 'brackets around an IPv4'],
    ['[::1]', 'written [address]:port'],
    ['[::1:80', 'written [address]:port'],
    ['::1]:80', 'written [address]:port'],
    ['[]:80', 'does not begin with an IP address'],
    ['[:80', 'written [address]:port'],
    [`${'x'.repeat(10_000)}:1`, 'host names are not accepted'],
  ])('refuses %.20j', (text, expected) => {
    const error = read(text);
    expect(error).toEqual(expect.stringContaining(expected));
    expect(JSON.stringify(error).length).toBeLessThan(200);
  });

  test('reads back what formatSocketAddress writes', () => {
    const ip = fc.oneof(
      fc.ipV4(),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => formatIp(b)),
    );
    fc.assert(
      fc.property(ip, fc.nat(65535), (address, port) => {
        const socketAddress: SocketAddress = { address, family: isIPv4(address) ? 4 : 6, port };
        expect(read(formatSocketAddress(socketAddress))).toEqual(socketAddress);
      }),
    );
  });

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', ':', '.', '1', 'f', '%', '\u{1f600}') }),
        (text) => {
          const parsed = parseSocketAddress(text);
          expect(parsed.ok ? parsed.address.port : parsed.error.length).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

test('isLoopback', () => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'])
    expect(isLoopback(address)).toBe(true);
  for (const address of ['128.0.0.1', '0.0.0.0', '::', '::2', '1::1', '::ffff:10.0.0.1', 'localhost', '']) {
    expect(isLoopback(address)).toBe(false);
  }
});

test('sourceKey', () => {
  expect(sourceKey(at('192.0.2.7'))).toBe('192.0.2.7');
  expect(sourceKey(at('::ffff:192.0.2.7'))).toBe('192.0.2.7');
  expect(sourceKey(at('2001:db8:1:2:3:4:5:6'))).toBe('2001:db8:1:2::/64');
  expect(sourceKey(at('2001:db8:1:2::9'))).toBe('2001:db8:1:2::/64');
  expect(sourceKey(at('2001:db8:1:3::9'))).not.toBe(sourceKey(at('2001:db8:1:2::9')));
  expect(sourceKey(at('fe80::1%eth0'))).toBe('fe80::/64');
  expect(sourceKey(at('peer-3'))).toBe('peer-3');
});
