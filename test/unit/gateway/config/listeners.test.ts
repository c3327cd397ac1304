import { describe, expect, it } from 'vitest';
import { parseCidr } from '../../../../src/base/cidr.ts';
import { configOf, errorsOf, warningsOf } from './loading.ts';

const http = (keys: string): string => `listeners:\n- { name: a, type: http, ${keys} }`;
const tcp = (keys: string): string => `listeners:\n- { name: a, type: kcp-tcp, ${keys} }`;
const udp = (keys: string): string => `listeners:\n- { name: a, type: kcp-udp, ${keys} }`;

function cidr(text: string) {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.cidr;
}

const LINE = {
  trustedProxies: [cidr('127.0.0.1/32'), cidr('::1/128')],
  allowClear: false,
  earlyData: false,
  publicAddress: null,
  line: { id: 'a', priority: 0, weight: 100 },
};
const STREAM = {
  ...LINE,
  proxyProtocol: 'off',
  tls: null,
  maxConnections: 10_000,
  maxConnectionsPerSource: 1000,
  firstDatagramTimeoutMs: 5000,
  maxQueueBytes: 4 * 1024 * 1024,
};
const MINIMAL = { name: 'a', bind: { address: '127.0.0.1', family: 4, port: 1 } };

describe('a listener with nothing but name, type and address', () => {
  it('of type kcp-tcp', () => {
    expect(configOf(tcp('bind: "127.0.0.1:1"')).listeners).toEqual([
      { ...MINIMAL, type: 'kcp-tcp', ...STREAM },
    ]);
  });

  it('of type http', () => {
    expect(configOf(http('bind: "127.0.0.1:1"')).listeners).toEqual([
      {
        ...MINIMAL,
        type: 'http',
        ...STREAM,
        websocketPath: '/kcp',
        loginPath: '/api/login',
        allowedOrigins: '*',
        websocketPingIntervalMs: 20_000,
      },
    ]);
  });

  it('of type relay', () => {
    const text = `common: { gateway_id: 1 }
listeners: [{ name: a, type: relay, bind: '127.0.0.1:1' }]
peers: [{ name: b, type: gateway, address: '10.0.0.2:1', gateway_id: 2 }]`;
    expect(configOf(text).listeners).toEqual([
      { ...MINIMAL, type: 'relay', socketBufferBytes: 4 * 1024 * 1024 },
    ]);
  });
});

describe('a listener with every key', () => {
  const keys = `bind: '[::1]:5', proxy_protocol: proxy, trusted_proxies: [10.0.0.0/8, '2001:db8::1'], allow_clear: true,
    early_data: true, public_address: 'eu1.example.com:443', line: { id: eu1, priority: 3, weight: 0 }`;
  const line = {
    proxyProtocol: 'proxy',
    trustedProxies: [cidr('10.0.0.0/8'), cidr('2001:db8::1/128')],
    allowClear: true,
    earlyData: true,
    publicAddress: { host: 'eu1.example.com', port: 443 },
    line: { id: 'eu1', priority: 3, weight: 0 },
  };

  it('of type kcp-udp', () => {
    const [listener] = configOf(
      udp(`${keys.replace('proxy_protocol: proxy', 'proxy_protocol: spp')}, spp_reply: true`),
    ).listeners;
    expect(listener).toMatchObject({ ...line, proxyProtocol: 'spp', sppReply: true });
  });

  it('of type kcp-tcp', () => {
    const more =
      'max_connections: 7, max_connections_per_source: 6, first_datagram_timeout: 1s, max_queue: 1MiB';
    expect(configOf(tcp(`${keys}, ${more}`)).listeners[0]).toMatchObject({
      ...line,
      maxConnections: 7,
      maxConnectionsPerSource: 6,
      firstDatagramTimeoutMs: 1000,
      maxQueueBytes: 1024 ** 2,
    });
  });

  it('of type http', () => {
    const more = `websocket_path: /ws/kcp, login_path: null, websocket_ping_interval: 5s,
      allowed_origins: ['https://App.example.com', 'http://localhost:3000']`;
    expect(configOf(http(`${keys}, ${more}`)).listeners[0]).toMatchObject({
      ...line,
      websocketPath: '/ws/kcp',
      loginPath: null,
      websocketPingIntervalMs: 5000,
      allowedOrigins: ['https://app.example.com', 'http://localhost:3000'],
    });
  });

  it('can be kept out of the lines, and trust nobody', () => {
    expect(configOf(tcp('line: null, trusted_proxies: []')).listeners[0]).toMatchObject({
      line: null,
      trustedProxies: [],
    });
  });
});

describe('wrong values', () => {
  it.each([
    [
      udp('trusted_proxies: [10.0.0.1/8]'),
      '2:47: listeners[0].trusted_proxies[0]: "10.0.0.1/8" has bits set beyond its prefix length; write 10.0.0.0/8 or another length',
    ],
    [
      tcp('trusted_proxies: [127.0.0.1, proxy]'),
      '2:58: listeners[0].trusted_proxies[1]: "proxy" is not an IP address or a block of them, such as 10.0.0.0/8',
    ],
    [
      http('trusted_proxies: [127.0.0.1/33]'),
      '2:44: listeners[0].trusted_proxies[0]: "127.0.0.1/33" does not end in a prefix length from 0 to 32',
    ],
    [
      udp('trusted_proxies: 10.0.0.0/8'),
      '2:46: listeners[0].trusted_proxies: must be a list of IP addresses and blocks of them, is "10.0.0.0/8"',
    ],
    [
      udp('trusted_proxies: [5]'),
      '2:47: listeners[0].trusted_proxies[0]: must be an IP address or a block of them, such as 10.0.0.0/8, is 5',
    ],
    [udp('proxy_protocol: v2'), '2:45: listeners[0].proxy_protocol: must be one of off, proxy, spp, is "v2"'],
    [tcp('proxy_protocol: spp'), '2:45: listeners[0].proxy_protocol: must be one of off, proxy, is "spp"'],
    [tcp('spp_reply: true'), '2:29: listeners[0].spp_reply: unknown key "spp_reply"'],
    [tcp('mtu: 1400'), '2:29: listeners[0].mtu: unknown key "mtu"'],
    [udp('tls: { cert_file: a, key_file: b }'), '2:29: listeners[0].tls: unknown key "tls"'],
    [
      http('websocket_pth: /x'),
      '2:26: listeners[0].websocket_pth: unknown key "websocket_pth"; did you mean "websocket_path"?',
    ],
    [
      udp('public_address: example.com'),
      '2:45: listeners[0].public_address: "example.com" is not a server address: write host:port, an IPv6 address in brackets',
    ],
    [
      udp('line: { weight: 65536 }'),
      '2:45: listeners[0].line.weight: must be a whole number from 0 to 65535, is 65536',
    ],
    [
      udp('line: { prioritiy: 1 }'),
      '2:37: listeners[0].line.prioritiy: unknown key "prioritiy"; did you mean "priority"?',
    ],
    [udp('line: eu1'), '2:35: listeners[0].line: must be a map, is "eu1"'],
    [
      http('websocket_path: kcp'),
      '2:42: listeners[0].websocket_path: must be a path that begins with /, or null, is "kcp"',
    ],
    [
      http('login_path: "/a?b"'),
      '2:38: listeners[0].login_path: must be a path that begins with /, or null, is "/a?b"',
    ],
    [
      http('allowed_origins: [example.com]'),
      '2:44: listeners[0].allowed_origins[0]: must be an origin, such as https://app.example.com or http://localhost:3000, is "example.com"',
    ],
    [
      http("allowed_origins: ['https://example.com/']"),
      '2:44: listeners[0].allowed_origins[0]: must be an origin, such as https://app.example.com or http://localhost:3000, is "https://example.com/"',
    ],
    [
      http('allowed_origins: all'),
      '2:43: listeners[0].allowed_origins: must be * or a list of origins, such as https://app.example.com, is "all"',
    ],
    [
      http('websocket_ping_interval: 0s'),
      '2:51: listeners[0].websocket_ping_interval: must be a duration from 1s to 1h, such as 500ms, 5s, 1m or 2h, is "0s"',
    ],
    [
      tcp('max_connections: 0'),
      '2:46: listeners[0].max_connections: must be a whole number from 1 to 1000000, is 0',
    ],
    [
      'listeners:\n- { name: a, type: relay }',
      '2:3: listeners[0].bind: is required: an IP address and port, such as 0.0.0.0:4000 or [::]:4000',
    ],
    [
      http('websocket_path: null, login_path: null'),
      '2:3: listeners[0]: has neither a websocket_path nor a login_path',
    ],
    [http('login_path: /kcp'), '2:38: listeners[0].login_path: "/kcp" is the websocket_path too'],
  ])('%j', (text, expected) => {
    expect(errorsOf(text)).toEqual([expected]);
  });

  it('a listener with TLS needs both files', () => {
    expect(errorsOf(tcp('tls: {}'))).toEqual([
      '2:34: listeners[0].tls.cert_file: is required: the path of a file',
      '2:34: listeners[0].tls.key_file: is required: the path of a file',
    ]);
  });
});

describe('addresses', () => {
  const two = (first: string, second: string): string =>
    `listeners:\n- { name: a, ${first} }\n- { name: b, ${second} }`;

  it.each([
    [
      two("type: kcp-tcp, bind: '0.0.0.0:5'", "type: http, bind: '127.0.0.1:5'"),
      '3:32: listeners[1].bind: "127.0.0.1:5" is the address of listeners[0] (line 2) too',
    ],
    [
      "common: { gateway_id: 1 }\npeers: [{ name: p, type: gateway, address: '10.0.0.2:1', gateway_id: 2 }]\n" +
        two("type: kcp-udp, bind: '0.0.0.0:5'", "type: relay, bind: '[::]:5'"),
      '5:33: listeners[1].bind: "[::]:5" is the address of listeners[0] (line 4) too',
    ],
    [
      two('type: kcp-udp', 'type: kcp-udp'),
      '3:3: listeners[1].bind: "0.0.0.0:4000" is the address of listeners[0] (line 2) too',
    ],
    [
      "listeners:\n- { name: a, type: http, bind: '0.0.0.0:8888' }",
      '2:32: listeners[0].bind: "0.0.0.0:8888" is the address of common.admin_addr too',
    ],
    [
      "common: { admin_addr: '127.0.0.1:8080' }\nlisteners:\n- { name: a, type: http }",
      '3:3: listeners[0].bind: "0.0.0.0:8080" is the address of common.admin_addr (line 1) too',
    ],
  ])('%j', (text, expected) => {
    expect(errorsOf(text)).toEqual([expected]);
  });

  it.each([
    two("type: kcp-udp, bind: '0.0.0.0:5'", "type: kcp-tcp, bind: '0.0.0.0:5'"),
    two("type: kcp-udp, bind: '0.0.0.0:5'", "type: http, bind: '0.0.0.0:5'"),
    two("type: kcp-tcp, bind: '127.0.0.1:0'", "type: http, bind: '127.0.0.1:0'"),
    "common: { admin_addr: null }\nlisteners: [{ name: a, type: http, bind: '127.0.0.1:8888' }]",
    "listeners: [{ name: a, type: kcp-udp, bind: '127.0.0.1:8888' }]",
  ])('are in order in %j', (text) => {
    expect(errorsOf(text)).toEqual([]);
  });
});

describe('routes', () => {
  it('are not needed for what has no sessions of its own', () => {
    const text = `
common: { gateway_id: 1 }
listeners:
  - { name: a, type: kcp-udp }
  - { name: login, type: http, websocket_path: null }
  - { name: relay, type: relay, bind: '0.0.0.0:4010' }
peers: [{ name: p, type: gateway, address: '10.0.0.2:1', gateway_id: 2 }]
routes: [{ name: r, match: { listener: a }, target: demo }]`;
    expect(warningsOf(text)).toEqual([]);
    expect(errorsOf(text.replace(', websocket_path: null', ''))).toEqual([
      '5:13: listeners[1].name: no route takes the sessions of listener "login"',
    ]);
    expect(warningsOf(text.replace('listener: a', ''))).toEqual([]);
    expect(
      warningsOf(
        text.replace('routes: [', 'routes: [{ name: x, match: { listener: relay }, target: demo }, '),
      ),
    ).toEqual(['8:18: routes[0].name: the route "x" is never used: no listener matches']);
  });
});

describe('warnings', () => {
  it.each([
    [udp('spp_reply: true'), '2:40: listeners[0].spp_reply: is of use only with proxy_protocol: spp'],
    [
      "listeners:\n- { name: a, type: relay, bind: '0.0.0.0:1' }",
      '2:3: listeners[0]: takes nothing: there are no peers',
    ],
    [
      udp("bind: '[::]:1', mtu: 1453"),
      '2:50: listeners[0].mtu: datagrams above 1452 bytes need two packets on Ethernet',
    ],
  ])('%j', (text, expected) => {
    expect(warningsOf(text)).toContain(expected);
  });
});
