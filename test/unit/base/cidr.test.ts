import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp, parseIp } from '../../../src/base/address.ts';
import { CidrSet, parseCidr, type Cidr } from '../../../src/base/cidr.ts';

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.cidr;
}

const set = (...texts: string[]): CidrSet => new CidrSet(texts.map(cidr));

describe('parseCidr', () => {
  test.each([
    ['10.0.0.0/8', 4, '10.0.0.0', 104],
    ['10.1.2.3', 4, '10.1.2.3', 128],
    ['0.0.0.0/0', 4, '0.0.0.0', 96],
    ['255.255.255.254/31', 4, '255.255.255.254', 127],
    ['::ffff:10.0.0.0/104', 4, '10.0.0.0', 104],
    ['2001:DB8::/32', 6, '2001:db8::', 32],
    ['::1', 6, '::1', 128],
    ['::/0', 6, '::', 0],
    ['8000::/1', 6, '8000::', 1],
  ])('%s', (text, family, first, prefixBits) => {
    const { bytes, ...rest } = cidr(text);
    expect({ first: formatIp(bytes), ...rest }).toEqual({ first, family, prefixBits });
  });

  test.each([
    ['', 'not an IP address'],
    ['localhost/8', 'not an IP address'],
    ['10.0.0/8', 'not an IP address'],
    ['fe80::1%eth0/64', 'not an IP address'],
    ['[::1]/128', 'not an IP address'],
    [' 10.0.0.0/8', 'not an IP address'],
    ['10.0.0.0/33', 'from 0 to 32'],
    ['10.0.0.0/', 'from 0 to 32'],
    ['10.0.0.0/08', 'from 0 to 32'],
    ['10.0.0.0/-1', 'from 0 to 32'],
    ['10.0.0.0/8/8', 'from 0 to 32'],
    ['10.0.0.0/255.0.0.0', 'from 0 to 32'],
    ['2001:db8::/129', 'from 0 to 128'],
    ['10.0.0.1/8', 'write 10.0.0.0/8'],
    ['127.0.0.1/31', 'write 127.0.0.0/31'],
    ['::ffff:10.0.0.1/104', 'write 10.0.0.0/8'],
    ['2001:db8::1/32', 'write 2001:db8::/32'],
  ])('refuses %j: %s', (text, reason) => {
    const parsed = parseCidr(text);
    expect(parsed.ok ? '' : parsed.error).toContain(reason);
  });

  test('a long text is not repeated in full', () => {
    const parsed = parseCidr('x'.repeat(10_000));
    expect(parsed.ok ? '' : parsed.error).toMatch(/^"x{64}\.\.\."/);
  });
});

describe('CidrSet', () => {
  test('holds the addresses of its blocks, however they are written', () => {
    const trusted = set('10.0.0.0/8', '192.168.1.7', '2001:db8::/32');
    const inside = ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3', '::ffff:a01:203', '192.168.1.7'];
    const outside = ['9.255.255.255', '11.0.0.0', '192.168.1.6', '2001:db9::', '::10.1.2.3'];
    expect([...inside, '2001:db8:ffff::1', '2001:DB8::1%eth0'].filter((text) => !trusted.has(text))).toEqual(
      [],
    );
    expect([...outside, '', 'localhost', '10.0.0.0/8'].filter((text) => trusted.has(text))).toEqual([]);
  });

  test('keeps IPv4 and IPv6 apart', () => {
    expect(set('::/0').has('1.2.3.4')).toBe(false);
    expect(set('::/0').has('::ffff:1.2.3.4')).toBe(false);
    expect(set('0.0.0.0/0').has('::1')).toBe(false);
    expect(set('0.0.0.0/0', '::/0').has('::1')).toBe(true);
  });

  test('answers anew for each address', () => {
    const trusted = set('127.0.0.1');
    const asked = ['127.0.0.1', '127.0.0.2', '127.0.0.2', '127.0.0.1', '127.0.0.1'];
    expect(asked.map((address) => trusted.has(address))).toEqual([true, false, false, true, true]);
  });

  test('an empty set holds nothing', () => {
    expect(set().has('127.0.0.1')).toBe(false);
    expect(set().has('')).toBe(false);
  });

  test('agrees with the block list of Node', () => {
    const ip = fc.oneof(
      fc.ipV4(),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatIp(bytes)),
    );
    // The address is the network with a few bits turned, so that it is inside about as often as outside.
    const property = fc.property(ip, fc.nat(128), fc.array(fc.nat(127)), (network, bits, turned) => {
      const near = parseIp(network)!;
      const fixed = network.includes(':') ? 0 : 96;
      for (const bit of turned.slice(0, 3)) if (bit >= fixed) near[bit >>> 3]! ^= 0x80 >> (bit & 7);
      const address = formatIp(near);
      const prefix = Math.min(bits, network.includes(':') ? 128 : 32);
      const family = (text: string): 'ipv4' | 'ipv6' => (text.includes(':') ? 'ipv6' : 'ipv4');
      const list = new BlockList();
      list.addSubnet(network, prefix, family(network));
      const parsed = parseCidr(`${network}/${prefix}`);
      // Bits beyond the length: the block that the error names.
      const block = parsed.ok ? parsed.cidr : cidr(/write (\S+) or/.exec(parsed.error)?.[1] ?? '');
      expect(new CidrSet([block]).has(address)).toBe(list.check(address, family(address)));
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
