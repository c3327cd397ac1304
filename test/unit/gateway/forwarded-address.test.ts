import { describe, expect, it } from 'vitest';
import { CidrSet, parseCidr } from '../../../src/base/cidr.ts';
import { forwardedAddress } from '../../../src/gateway/forwarded-address.ts';

const trusted = new CidrSet(
  ['127.0.0.1/32', '10.0.0.0/8'].flatMap((text) => {
    const parsed = parseCidr(text);
    return parsed.ok ? [parsed.cidr] : [];
  }),
);
const nginx = { address: '127.0.0.1', family: 4, port: 1 } as const;

/** What the header of a trusted proxy says. */
const told = (header: string): string => {
  const { address, port } = forwardedAddress(header, nginx, trusted);
  return `${address} ${port}`;
};

describe('X-Forwarded-For', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1 0'],
    ['192.0.2.1:40001', '192.0.2.1 40001'],
    // An nginx that knows no port of its client leaves it empty.
    ['192.0.2.1:', '192.0.2.1 0'],
    ['2001:db8::1', '2001:db8::1 0'],
    ['[2001:db8::1]:40001', '2001:db8::1 40001'],
    ['[2001:db8::1]:', '2001:db8::1 0'],
    ['6.6.6.6, 192.0.2.1', '192.0.2.1 0'],
    ['6.6.6.6, 192.0.2.1:5, 10.0.0.1:7', '192.0.2.1 5'],
    ['192.0.2.1:99999', '192.0.2.1 0'],
    ['nobody', '127.0.0.1 1'],
    ['', '127.0.0.1 1'],
    ['192.0.2.1:x', '127.0.0.1 1'],
  ])('%j means %s', (header, client) => {
    expect(told(header)).toBe(client);
  });

  it('of somebody who is not trusted says nothing', () => {
    const peer = { address: '198.51.100.1', family: 4, port: 2 } as const;
    expect(forwardedAddress('192.0.2.1', peer, trusted)).toBe(peer);
  });
});
