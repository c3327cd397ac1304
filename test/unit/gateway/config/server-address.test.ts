import { describe, expect, it } from 'vitest';
import { parseServerAddress } from '../../../../src/gateway/config/server-address.ts';

describe('parseServerAddress', () => {
  it.each([
    ['127.0.0.1:7001', '127.0.0.1', 7001],
    ['[2001:db8::1]:65535', '2001:db8::1', 65_535],
    ['app:1', 'app', 1],
    ['app-1.internal_net.example:443', 'app-1.internal_net.example', 443],
  ])('%s', (text, host, port) => {
    expect(parseServerAddress(text)).toEqual({ ok: true, server: { host, port } });
  });

  it.each([
    ['app', 'write host:port'],
    ['', 'write host:port'],
    ['::1:80', 'write host:port'],
    ['[::1]', 'write host:port'],
    ['app:http', 'write host:port'],
    ['app:0', '1 to 65535'],
    ['app:65536', '1 to 65535'],
    ['[127.0.0.1]:80', 'no IPv6 address'],
    ['[]:80', 'no IPv6 address'],
    [':80', 'no name and no IP address'],
    ['1.2.3:80', 'no name and no IP address'],
    ['1.2.3.400:80', 'no name and no IP address'],
    ['-app:80', 'no name and no IP address'],
    ['a..b:80', 'no name and no IP address'],
    ['a b:80', 'no name and no IP address'],
    [`${'a'.repeat(300)}:80`, 'no name and no IP address'],
  ])('refuses %j', (text, reason) => {
    const parsed = parseServerAddress(text);
    expect(parsed.ok ? '' : parsed.error).toContain(reason);
    expect(parsed.ok ? 0 : parsed.error.length).toBeLessThan(150);
  });
});
