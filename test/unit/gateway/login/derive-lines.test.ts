import { describe, expect, it } from 'vitest';
import type { LineConfig } from '../../../../src/gateway/config/config.ts';
import {
  configuredLines,
  deriveLines,
  type LineListener,
} from '../../../../src/gateway/login/derive-lines.ts';
import { localHostOf, requestHostOf } from '../../../../src/gateway/http/request-host.ts';

const owner = { gatewayId: 3, region: null };

const listener = (changes: Partial<LineListener>): LineListener => ({
  transport: 'udp',
  tls: false,
  address: { address: '0.0.0.0', family: 4, port: 4000 },
  publicAddress: null,
  path: null,
  terms: { id: 'line', priority: 1, weight: 50 },
  allowsClear: false,
  ...changes,
});

const placesOf = (listeners: readonly LineListener[], host: string): string[] =>
  deriveLines(listeners, host, owner).map(({ line }) => `${line.host} ${line.port}`);

describe('derived lines', () => {
  it('tell all that a client needs, and nothing that does not apply', () => {
    const udp = listener({});
    const tls = listener({ transport: 'tcp', tls: true, terms: { id: 'tls', priority: 2, weight: 1 } });
    const wss = listener({
      transport: 'wss',
      tls: true,
      path: '/kcp',
      terms: { id: 'wss', priority: 3, weight: 1 },
      allowsClear: true,
    });
    expect(deriveLines([udp, tls, wss], 'gate.example', { gatewayId: 9, region: 'eu' })).toEqual([
      {
        line: {
          id: 'line',
          gatewayId: 9,
          transport: 'udp',
          host: 'gate.example',
          port: 4000,
          region: 'eu',
          priority: 1,
          weight: 50,
        },
        allowsClear: false,
      },
      {
        line: expect.objectContaining({ id: 'tls', transport: 'tcp', tls: true, priority: 2 }) as object,
        allowsClear: false,
      },
      {
        line: expect.objectContaining({ id: 'wss', transport: 'wss', path: '/kcp' }) as object,
        allowsClear: true,
      },
    ]);
    expect(deriveLines([udp], 'h', owner)[0]?.line).not.toHaveProperty('region');
    expect(deriveLines([wss], 'h', owner)[0]?.line).not.toHaveProperty('tls');
  });

  it('lead to the address a listener is bound to, the host of the login when that is any, or what the operator said', () => {
    const any6 = listener({ address: { address: '::', family: 6, port: 4001 } });
    const one = listener({ address: { address: '192.0.2.1', family: 4, port: 4002 } });
    const told = listener({ publicAddress: { host: 'front.example', port: 443 } });
    expect(placesOf([listener({}), any6, one, told], 'gate.example')).toEqual([
      'gate.example 4000',
      'gate.example 4001',
      '192.0.2.1 4002',
      'front.example 443',
    ]);
    expect(placesOf([listener({}), any6], '198.51.100.7')).toEqual([
      '198.51.100.7 4000',
      '198.51.100.7 4001',
    ]);
  });

  it('leave out what cannot be reached by the version of IP that the login came by', () => {
    const any6 = listener({ address: { address: '::', family: 6, port: 4001 } });
    expect(placesOf([listener({}), any6], '2001:db8::1')).toEqual(['2001:db8::1 4001']);
  });
});

describe('lines by hand', () => {
  const line: LineConfig = {
    id: 'eu1-udp',
    gatewayId: 1,
    transport: 'udp',
    tls: false,
    allowClear: false,
    host: 'eu1.example',
    port: 4000,
    path: null,
    region: null,
    priority: 0,
    weight: 100,
  };

  it('tell what was written, and nothing that does not apply', () => {
    const wss: LineConfig = { ...line, id: 'w', transport: 'wss', path: '/kcp', region: 'eu' };
    expect(configuredLines([line, wss])).toEqual([
      {
        line: {
          id: 'eu1-udp',
          gatewayId: 1,
          transport: 'udp',
          host: 'eu1.example',
          port: 4000,
          priority: 0,
          weight: 100,
        },
        allowsClear: false,
      },
      {
        line: expect.objectContaining({ id: 'w', path: '/kcp', region: 'eu' }) as object,
        allowsClear: true,
      },
    ]);
  });

  it('are confidential with TLS, or as the operator says', () => {
    const allows = (changes: Partial<LineConfig>) =>
      configuredLines([{ ...line, ...changes }])[0]!.allowsClear;
    expect(allows({ transport: 'tcp' })).toBe(false);
    expect(allows({ transport: 'ws', path: '/kcp' })).toBe(false);
    expect(allows({ transport: 'tcp', tls: true })).toBe(true);
    expect(allows({ allowClear: true })).toBe(true);
  });
});

describe('the host of a request', () => {
  it.each([
    ['gate.example', 'gate.example'],
    ['gate.example:8080', 'gate.example'],
    ['gate.example.', 'gate.example.'],
    ['localhost:1', 'localhost'],
    ['192.0.2.1:80', '192.0.2.1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[::1]', '::1'],
    [undefined, undefined],
    ['', undefined],
    [':80', undefined],
    ['2001:db8::1', undefined],
    ['[gate.example]:80', undefined],
    ['[::1%lo]', undefined],
    ['192.0.2.256', undefined],
    ['1.2.3', undefined],
    ['gate.example:80:80', undefined],
    ['gate.example:http', undefined],
    ['a..b', undefined],
    ['-a.example', undefined],
    ['gate.example/x', undefined],
    ['user@gate.example', undefined],
    ['gate.example\r\nx: y', undefined],
    ['"><script>', undefined],
    ['a'.repeat(64), undefined],
    ['a.'.repeat(200), undefined],
  ])('%j is %j', (header, host) => {
    expect(requestHostOf(header)).toBe(host);
  });
});

describe('the host of a request that names none', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    [undefined, 'localhost'],
  ])('is the address it came to: %j', (address, host) => {
    expect(localHostOf(address)).toBe(host);
  });
});
