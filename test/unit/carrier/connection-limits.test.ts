import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { ConnectionLimits } from '../../../src/carrier/connection-limits.ts';

const from = (address: string): SocketAddress => ({
  address,
  family: address.includes(':') ? 6 : 4,
  port: 1,
});

describe('ConnectionLimits', () => {
  it('bounds all of them, whether their source is known or not', () => {
    const limits = new ConnectionLimits(2, 10);
    expect([limits.enter(), limits.enter(), limits.enter()]).toEqual([true, true, false]);
    expect(limits.count).toBe(2);
    limits.leave();
    expect([limits.enter(), limits.enter()]).toEqual([true, false]);
  });

  it('bounds those of one source: an IPv4 address, an IPv6 /64', () => {
    const limits = new ConnectionLimits(100, 2);
    const enter = (address: string): boolean => limits.enter() && limits.enterSource(from(address));
    expect(['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2'].map(enter)).toEqual([true, true, false, true]);
    expect(['2001:db8::1', '2001:db8::ffff:2', '2001:db8::3'].map(enter)).toEqual([true, true, false]);
    limits.leave(from('10.0.0.1'));
    expect(['10.0.0.1', '10.0.0.1'].map(enter)).toEqual([true, false]);
  });
});
