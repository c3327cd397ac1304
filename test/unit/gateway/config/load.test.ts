import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { GatewayConfig } from '../../../../src/gateway/config/config.ts';
import { describeConfig } from '../../../../src/gateway/config/describe.ts';
import { formatIssues } from '../../../../src/gateway/config/issue.ts';
import { loadConfig, type LoadOptions } from '../../../../src/gateway/config/load.ts';
import { configSchemaJson } from '../../../../src/gateway/config/schema.ts';

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const BLOCK_OF_LOOPBACK_4 = { family: 4, bytes: Uint8Array.of(...MAPPED, 127, 0, 0, 1), prefixBits: 128 };
const BLOCK_OF_LOOPBACK_6 = {
  family: 6,
  bytes: Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0)),
  prefixBits: 128,
};

const EXAMPLES = new URL('../../../../examples/', import.meta.url);

function load(options: Partial<LoadOptions>): { config: GatewayConfig; warnings: string } {
  const result = loadConfig({ file: 'gateway.yaml', env: {}, ...options });
  if (!result.ok) throw new Error(formatIssues(result.errors));
  return { config: result.config, warnings: formatIssues(result.warnings) };
}

describe('loadConfig', () => {
  it('without anything gives the embedded default', () => {
    const result = loadConfig({ env: {} });
    const line = {
      trustedProxies: [BLOCK_OF_LOOPBACK_4, BLOCK_OF_LOOPBACK_6],
      allowClear: false,
      earlyData: false,
      publicAddress: null,
    };
    const stream = {
      proxyProtocol: 'off',
      ...line,
      tls: null,
      maxConnections: 10_000,
      maxConnectionsPerSource: 1000,
      firstDatagramTimeoutMs: 5000,
      maxQueueBytes: 4 * 1024 * 1024,
    };
    expect(result).toEqual({
      ok: true,
      warnings: [],
      config: {
        common: {
          nodeId: 'gw-1',
          gatewayId: 0,
          region: null,
          logLevel: 'info',
          logLevels: {},
          logFile: null,
          logFormat: 'json',
          drainTimeoutMs: 10_000,
          workers: 1,
          adminAddress: { address: '127.0.0.1', family: 4, port: 8888 },
          adminToken: null,
        },
        listeners: [
          {
            name: 'line-udp',
            type: 'kcp-udp',
            bind: { address: '0.0.0.0', family: 4, port: 4000 },
            allowStock: true,
            preset: 'fast3',
            mtu: 1400,
            sendWindow: 1024,
            receiveWindow: 1024,
            idleTimeoutMs: 30_000,
            deadLink: 20,
            maxSessions: 10_000,
            maxSessionsPerSource: 1000,
            newSessionsPerSecond: 1000,
            newSessionsPerSourcePerSecond: 50,
            maxQueueBytes: 4 * 1024 * 1024,
            socketBufferBytes: 4 * 1024 * 1024,
            maxMemoryBytes: 512 * 1024 * 1024,
            proxyProtocol: 'off',
            sppReply: false,
            ...line,
            line: { id: 'line-udp', priority: 0, weight: 100 },
          },
          {
            name: 'line-tcp',
            type: 'kcp-tcp',
            bind: { address: '0.0.0.0', family: 4, port: 4000 },
            ...stream,
            line: { id: 'line-tcp', priority: 0, weight: 100 },
          },
          {
            name: 'http',
            type: 'http',
            bind: { address: '0.0.0.0', family: 4, port: 8080 },
            ...stream,
            line: { id: 'http', priority: 0, weight: 100 },
            websocketPath: '/kcp',
            loginPath: '/api/login',
            allowedOrigins: '*',
            websocketPingIntervalMs: 20_000,
          },
        ],
        // Their defaults are in login.test.ts.
        sessions: expect.objectContaining({ maxSessions: 100_000 }) as object,
        login: expect.objectContaining({ auth: 'none' }) as object,
        peers: [],
        upstreams: [{ name: 'demo', type: 'echo' }],
        routes: [{ name: 'default', match: { port: null, listener: null }, target: 'demo' }],
        // And these in front.test.ts.
        front: expect.objectContaining({ udpPort: 4000 }) as object,
        qlog: null,
      },
    });
  });

  it.each(['', '# nothing\n', '---\n', '{}', 'null\n', '\ufeff{}'])(
    'reads the empty file %j as the default',
    (text) => {
      expect(load({ text })).toEqual({ config: load({ text: '{}' }).config, warnings: '' });
    },
  );

  it('reads every key', () => {
    const { config, warnings } = load({
      text: `
common: { node_id: n, log_level: trace, log_levels: { endpoint: error }, log_file: /tmp/x, log_format: text, drain_timeout: 0s, workers: auto,
  gateway_id: 255, region: eu-1, admin_addr: '[::1]:1', admin_token: 0123456789abcdef }
listeners:
  - { name: a, type: kcp-udp, bind: '[::1]:0', allow_stock: true, preset: default, mtu: 576, send_window: 1, receive_window: 65535,
      idle_timeout: 1500ms, dead_link: 5, max_sessions: 1, max_sessions_per_source: 2, new_sessions_per_second: 3,
      new_sessions_per_source_per_second: 4, max_queue: 65536, socket_buffer: 1MiB, max_memory: 1GiB, proxy_protocol: proxy, trusted_proxies: ['::1'] }
upstreams:
  app: { type: tcp, servers: [{ address: 'app:1' }, { address: '[::1]:2' }], connect_timeout: 1m, proxy_protocol: v2 }
routes: [{ name: r, match: { listener: a }, target: app }]
`,
    });
    expect(warnings).toBe('');
    expect(config).toEqual({
      common: {
        nodeId: 'n',
        logLevel: 'trace',
        logLevels: { endpoint: 'error' },
        logFile: '/tmp/x',
        logFormat: 'text',
        drainTimeoutMs: 0,
        workers: 'auto',
        gatewayId: 255,
        region: 'eu-1',
        adminAddress: { address: '::1', family: 6, port: 1 },
        adminToken: '0123456789abcdef',
      },
      listeners: [
        {
          name: 'a',
          type: 'kcp-udp',
          bind: { address: '::1', family: 6, port: 0 },
          allowStock: true,
          preset: 'default',
          mtu: 576,
          sendWindow: 1,
          receiveWindow: 65_535,
          idleTimeoutMs: 1500,
          deadLink: 5,
          maxSessions: 1,
          maxSessionsPerSource: 2,
          newSessionsPerSecond: 3,
          newSessionsPerSourcePerSecond: 4,
          maxQueueBytes: 65_536,
          socketBufferBytes: 1024 ** 2,
          maxMemoryBytes: 1024 ** 3,
          proxyProtocol: 'proxy',
          sppReply: false,
          trustedProxies: [BLOCK_OF_LOOPBACK_6],
          allowClear: false,
          earlyData: false,
          publicAddress: null,
          line: { id: 'a', priority: 0, weight: 100 },
        },
      ],
      // All keys of these are read in login.test.ts.
      sessions: load({ text: '' }).config.sessions,
      login: load({ text: '' }).config.login,
      peers: [],
      upstreams: [
        {
          name: 'app',
          type: 'tcp',
          servers: [
            { host: 'app', port: 1 },
            { host: '::1', port: 2 },
          ],
          connectTimeoutMs: 60_000,
          proxyProtocol: 'v2',
        },
      ],
      routes: [{ name: 'r', match: { port: null, listener: 'a' }, target: 'app' }],
      front: { ...load({ text: '' }).config.front, gateways: [], udpPort: null, tcpPort: null },
      qlog: null,
    });
  });

  it('reads how sessions are recorded', () => {
    const { config } = load({ text: 'qlog: { directory: /tmp/q, sessions: abnormal, max_memory: 1MiB }' });
    expect(config.qlog).toEqual({
      directory: '/tmp/q',
      sessions: 'abnormal',
      profile: 'kcp',
      maxEvents: 8192,
      maxMemoryBytes: 1024 ** 2,
      maxFiles: 1000,
      maxFileBytes: 64 * 1024 ** 2,
    });
  });

  it('makes an upstream of a route to host:port, once', () => {
    const { config } = load({
      text: "routes: [{ name: a, match: { port: 4000 }, target: 'h:1' }, { name: b, target: 'h:1' }]",
      flags: [],
    });
    expect(config.upstreams.slice(1)).toEqual([
      {
        name: 'h:1',
        type: 'tcp',
        servers: [{ host: 'h', port: 1 }],
        connectTimeoutMs: 5000,
        proxyProtocol: 'off',
      },
    ]);
  });

  it('leads the default route to the only upstream', () => {
    const { config } = load({ text: "upstreams: { app: { type: tcp, servers: [{ address: 'a:1' }] } }" });
    expect(config.routes).toEqual([
      { name: 'default', match: { port: null, listener: null }, target: 'app' },
    ]);
  });

  it('follows anchors and merges, the nearer key winning', () => {
    const { config } = load({
      text: `
listeners:
  - &base { name: a, type: kcp-udp, bind: '127.0.0.1:1', mtu: 1000, send_window: 7 }
  - { mtu: 1200, <<: *base, name: b, bind: '127.0.0.1:2' }
`,
    });
    expect(config.listeners).toMatchObject([
      { name: 'a', mtu: 1000, sendWindow: 7 },
      { name: 'b', mtu: 1200, sendWindow: 7 },
    ]);
  });

  it('puts environment variables into strings and reads them as the type of the key', () => {
    const { config } = load({
      text: 'common: { node_id: "${REGION}-${ID:-1}" }\nlisteners:\n  - name: a\n    type: kcp-udp\n    mtu: ${MTU}\n    allow_stock: "${STOCK}"\n',
      env: { REGION: 'eu', MTU: '1300', STOCK: 'true' },
    });
    expect(config.common.nodeId).toBe('eu-1');
    expect(config.listeners[0]).toMatchObject({ mtu: 1300, allowStock: true });
  });
});

describe('loadConfig warnings', () => {
  it.each([
    ['common:\n', 'gateway.yaml:1:1: common: is empty: its default is used'],
    ['peers:\n', 'gateway.yaml:1:1: peers: is empty: its default is used'],
    ['listeners: [{ name: a, type: kcp-udp, allow_stock: false }]', ''],
    [
      "listeners: [{ name: a, type: kcp-udp, bind: '[::]:1', mtu: 1453 }]",
      'gateway.yaml:1:60: listeners[0].mtu: datagrams above 1452 bytes need two packets on Ethernet',
    ],
    [
      'listeners: [{ name: a, type: kcp-udp, max_queue: 2MiB, max_memory: 1MiB }]',
      'gateway.yaml:1:50: listeners[0].max_queue: is more than max_memory, which comes first',
    ],
    [
      'routes: [{ name: a, target: demo }, { name: b, match: { port: 4000 }, target: demo }]',
      'gateway.yaml:1:45: routes[1].name: the route "b" is never used: earlier routes take all sessions that it matches',
    ],
    [
      'routes: [{ name: b, match: { port: 1 }, target: demo }, { name: a, target: demo }]',
      'gateway.yaml:1:18: routes[0].name: the route "b" is never used: no listener matches',
    ],
    [
      'upstreams: { a: { type: echo }, b: { type: echo } }\nroutes: [{ name: a, target: a }]',
      'gateway.yaml:1:33: upstreams.b: no route leads to the upstream "b"',
    ],
    ["routes: [{ name: a, target: 'h:1' }]", ''],
  ])('%s', (text, expected) => {
    expect(load({ text }).warnings).toBe(expected);
  });
});

describe('precedence', () => {
  const text = 'common: { log_level: debug }';
  const env = { KCPGATE_COMMON_LOG_LEVEL: 'warn' };
  const flags = [{ flag: '--log-level', key: 'common.log_level', text: 'error' }];

  it.each([
    ['flags before all', { text, env, flags }, 'error'],
    ['environment before the file', { text, env }, 'warn'],
    ['file before defaults', { text }, 'debug'],
    ['defaults last', { text: '' }, 'info'],
    [
      'the last flag of a key',
      { flags: [...flags, { flag: '-v', key: 'common.log_level', text: 'trace' }] },
      'trace',
    ],
  ])('%s', (_, options, expected) => {
    expect(load({ text: '', ...options }).config.common.logLevel).toBe(expected);
  });

  it('a flag reaches entries by name and by index, and replaces whole lists', () => {
    const { config } = load({
      text: "listeners: [{ name: line.a, type: kcp-udp }]\nupstreams: { app: { type: tcp, servers: [{ address: 'a:1' }] } }",
      flags: [
        { flag: '--mtu', key: 'listeners[0].mtu', text: '1000' },
        { flag: '--bind', key: 'listeners.line.a.bind', text: '127.0.0.1:0' },
        { flag: '--server', key: 'upstreams.app.servers', text: 'b:2,c:3' },
        { flag: '--port', key: 'routes.default.match.listener', text: 'line.a' },
      ],
    });
    expect(config.listeners[0]).toMatchObject({ mtu: 1000, bind: { address: '127.0.0.1', port: 0 } });
    expect(config.upstreams).toMatchObject([{ servers: [{ host: 'b' }, { host: 'c' }] }]);
    expect(config.routes[0]?.match).toEqual({ port: null, listener: 'line.a' });
  });
});

describe('examples', () => {
  const names = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'));

  it('are there', () => {
    expect(names).toEqual(['echo.yaml', 'gateway.yaml']);
  });

  it.each(names)('%s loads without a warning', (name) => {
    expect(load({ file: new URL(name, EXAMPLES).pathname }).warnings).toBe('');
  });

  it('gateway.yaml names every key, be it in a comment', () => {
    const text = readFileSync(new URL('gateway.yaml', EXAMPLES), 'utf8');
    const missing = describeConfig()
      .map(({ key }) => key)
      .filter((key) => !new RegExp(`[\\s{#]${key.replace(/^.*[.\]]/, '')}:`).test(text));
    expect(missing).toEqual([]);
  });

  it('echo.yaml is the embedded default', () => {
    expect(load({ file: new URL('echo.yaml', EXAMPLES).pathname }).config).toEqual(load({ text: '' }).config);
  });
});

describe('any text', () => {
  const example = readFileSync(new URL('gateway.yaml', EXAMPLES), 'utf8');

  it('gives a configuration or errors, never an exception', () => {
    const word = fc.constantFrom(
      '&a ',
      '*a',
      '<<: ',
      '${',
      '}',
      '[',
      '{',
      '!x ',
      '\n',
      '\t',
      '? ',
      '| ',
      '-',
      ': ',
      '"',
      '%',
      '__proto__: ',
      '\0',
    );
    const edited = fc
      .array(fc.tuple(fc.nat(example.length), fc.nat(20), fc.oneof(word, fc.string({ maxLength: 5 }))), {
        maxLength: 4,
      })
      .map((edits) =>
        edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), example),
      );
    fc.assert(
      fc.property(
        fc.oneof(
          edited,
          fc.string(),
          fc.array(word).map((words) => words.join('')),
        ),
        (text) => {
          const result = loadConfig({ text, env: {} });
          expect(result.ok || result.errors.length > 0).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('configSchemaJson', () => {
  it('is a JSON Schema of the file that needs no section', () => {
    const schema = configSchemaJson();
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(schema).not.toHaveProperty('required');
    expect(JSON.stringify(schema)).toContain('"maximum":65535');
  });
});
