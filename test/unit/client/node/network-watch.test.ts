import type { NetworkInterfaceInfo } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NetworkWatch } from '../../../../src/client/node/network-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function address(text: string, internal = false): NetworkInterfaceInfo {
  const family = text.includes(':') ? { family: 'IPv6', scopeid: 0 } : { family: 'IPv4' };
  return { address: text, internal, netmask: '', mac: '', cidr: null, ...family } as NetworkInterfaceInfo;
}

test('a change of the addresses that lead out is told to all who listen, once', () => {
  let interfaces: Record<string, NetworkInterfaceInfo[]> = {};
  const set = (...addresses: NetworkInterfaceInfo[]): void => {
    interfaces = { lo: [address('127.0.0.1', true)], wlan0: addresses };
  };
  let looks = 0;
  const watch = new NetworkWatch({ everyMs: 1000, interfaces: () => (looks++, interfaces) });
  set(address('192.0.2.1'));
  const told = [0, 0];
  const ends = told.map((_, i) => watch.listen(() => told[i]!++));
  vi.advanceTimersByTime(5000);
  expect(told).toEqual([0, 0]);

  set(address('198.51.100.7'));
  vi.advanceTimersByTime(5000);
  expect(told).toEqual([1, 1]);

  // The order, this host's own addresses and those of the link alone say nothing.
  set(address('fe80::1'), address('198.51.100.7'));
  vi.advanceTimersByTime(5000);
  set(address('2001:db8::1'), address('198.51.100.7'));
  vi.advanceTimersByTime(1000);
  set(address('198.51.100.7'), address('2001:db8::1'));
  vi.advanceTimersByTime(5000);
  expect(told).toEqual([2, 2]);

  ends[0]!();
  set();
  vi.advanceTimersByTime(1000);
  expect(told).toEqual([2, 3]);
  ends[1]!();
  expect(vi.getTimerCount()).toBe(0);
  const before = looks;
  vi.advanceTimersByTime(5000);
  expect(looks).toBe(before);
});

test('a system that does not tell them never changes', () => {
  const watch = new NetworkWatch({
    everyMs: 1000,
    interfaces: () => {
      throw new Error('EACCES');
    },
  });
  const end = watch.listen(() => expect.unreachable());
  vi.advanceTimersByTime(5000);
  end();
});
