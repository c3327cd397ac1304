import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatIssues } from '../../../../src/gateway/config/issue.ts';
import { loadConfig } from '../../../../src/gateway/config/load.ts';

const TEXT = `
listeners: [{ name: line-udp, type: kcp-udp }]
upstreams:
  app: { type: tcp, servers: [{ address: 'a:1' }, { address: 'a:2' }] }
routes: [{ name: default, target: app }]
`;

function load(env: Record<string, string>) {
  return loadConfig({ file: 'f', text: TEXT, env });
}

function errorsOf(env: Record<string, string>): string {
  const result = load(env);
  return result.ok ? '' : formatIssues(result.errors);
}

describe('environment variables', () => {
  it('set keys of sections and of named entries, each as its type', () => {
    const result = load({
      KCPGATE_COMMON_LOG_FILE: '/var/log/x',
      KCPGATE_COMMON_LOG_LEVELS: 'endpoint=debug, upstream=warn',
      KCPGATE_COMMON_DRAIN_TIMEOUT: '1m',
      KCPGATE_COMMON_WORKERS: '4',
      KCPGATE_LISTENERS_LINE_UDP_BIND: '[::]:5000',
      KCPGATE_LISTENERS_LINE_UDP_MTU: '1200',
      KCPGATE_LISTENERS_LINE_UDP_ALLOW_STOCK: 'true',
      KCPGATE_LISTENERS_LINE_UDP_MAX_QUEUE: '1048576',
      KCPGATE_UPSTREAMS_APP_SERVERS: 'b:1, [::1]:2',
      KCPGATE_ROUTES_DEFAULT_MATCH_PORT: '5000',
      KCPGATE_NATIVE: 'off',
      KCPGATE_SEED: '1',
      KCPGATE_REQUIRE_PEERS: '1',
      KCPGATE_FUZZ_SECONDS: '1',
      KCPGATE_SERVICE_HOST: '10.0.0.1',
      PATH: '/bin',
    });
    expect(result).toMatchObject({
      ok: true,
      warnings: [],
      config: {
        common: {
          logFile: '/var/log/x',
          logLevels: { endpoint: 'debug', upstream: 'warn' },
          drainTimeoutMs: 60_000,
          workers: 4,
        },
        listeners: [
          { bind: { address: '::', port: 5000 }, mtu: 1200, allowStock: true, maxQueueBytes: 1024 ** 2 },
        ],
        upstreams: [
          {
            servers: [
              { host: 'b', port: 1 },
              { host: '::1', port: 2 },
            ],
          },
        ],
        routes: [{ match: { port: 5000 } }],
      },
    });
  });

  it('reach the entries of the embedded default', () => {
    const result = loadConfig({
      env: { KCPGATE_LISTENERS_LINE_UDP_BIND: '127.0.0.1:0', KCPGATE_ROUTES_DEFAULT_TARGET: 'h:1' },
    });
    expect(result).toMatchObject({
      ok: true,
      config: {
        listeners: [{ bind: { port: 0 } }, { bind: { port: 4000 } }, { bind: { port: 8080 } }],
        routes: [{ target: 'h:1' }],
      },
    });
  });

  it('set lists, and keys that can be null', () => {
    const env = {
      KCPGATE_COMMON_GATEWAY_ID: '7',
      KCPGATE_COMMON_ADMIN_ADDR: 'null',
      KCPGATE_COMMON_REGION: 'eu',
      KCPGATE_LISTENERS_LINE_UDP_PROXY_PROTOCOL: 'spp',
      KCPGATE_LISTENERS_LINE_UDP_SPP_REPLY: 'true',
      KCPGATE_LISTENERS_LINE_UDP_TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::/32',
      KCPGATE_LISTENERS_LINE_UDP_PUBLIC_ADDRESS: 'a.example:1',
      KCPGATE_LISTENERS_LINE_UDP_LINE_PRIORITY: '3',
      KCPGATE_LISTENERS_HTTP_ALLOWED_ORIGINS: 'https://a.example,https://b.example',
      KCPGATE_LISTENERS_HTTP_LOGIN_PATH: '',
      KCPGATE_SESSIONS_MAX_MESSAGE: '2KiB',
      KCPGATE_LOGIN_GATEWAYS: '2, 3',
      KCPGATE_LOGIN_LINES: 'auto',
      KCPGATE_LOGIN_RELAYS: 'true',
      KCPGATE_LOGIN_MAX_SESSIONS_PER_SUBJECT: '1',
      KCPGATE_LOGIN_JWT_JWKS_URL: 'https://a.example/keys',
      KCPGATE_LOGIN_JWT_ALGORITHMS: 'EdDSA,RS256',
      KCPGATE_PEERS_TWO_GATEWAY_ID: '2',
      KCPGATE_UPSTREAMS_APP_PROXY_PROTOCOL: 'v2',
    };
    const text = `
listeners: [{ name: line-udp, type: kcp-udp }, { name: http, type: http, allowed_origins: '*' }]
login: { max_sessions_per_subject: 5 }
peers:
  - { name: two, type: gateway, address: '10.0.0.2:1', gateway_id: 9 }
  - { name: three, type: gateway, address: '10.0.0.3:1', gateway_id: 3 }
upstreams: { app: { type: tcp, servers: [{ address: 'a:1' }] } }`;
    expect(loadConfig({ text, env })).toMatchObject({
      ok: true,
      config: {
        common: { gatewayId: 7, adminAddress: null, region: 'eu' },
        listeners: [
          {
            proxyProtocol: 'spp',
            sppReply: true,
            trustedProxies: [
              { family: 4, prefixBits: 104 },
              { family: 6, prefixBits: 32 },
            ],
            publicAddress: { host: 'a.example', port: 1 },
            line: { id: 'line-udp', priority: 3 },
          },
          { allowedOrigins: ['https://a.example', 'https://b.example'], loginPath: null },
        ],
        sessions: { maxMessageBytes: 2048 },
        login: {
          gateways: [2, 3],
          lines: 'auto',
          relays: true,
          maxSessionsPerSubject: 1,
          jwt: { key: { url: 'https://a.example/keys' }, algorithms: ['EdDSA', 'RS256'] },
        },
        peers: [{ gatewayId: 2 }, { gatewayId: 3 }],
        upstreams: [{ proxyProtocol: 'v2' }],
      },
    });
    const back = {
      KCPGATE_LOGIN_MAX_SESSIONS_PER_SUBJECT: 'null',
      KCPGATE_LISTENERS_HTTP_ALLOWED_ORIGINS: '*',
    };
    expect(loadConfig({ text, env: { ...env, ...back } })).toMatchObject({
      ok: true,
      config: { listeners: [{}, { allowedOrigins: '*' }], login: { maxSessionsPerSubject: null } },
    });
  });

  it('an empty log file is none', () => {
    expect(load({ KCPGATE_COMMON_LOG_FILE: '' })).toMatchObject({
      ok: true,
      config: { common: { logFile: null } },
    });
  });

  it.each([
    [
      { KCPGATE_COMMON_LOG_LEVL: 'x' },
      'KCPGATE_COMMON_LOG_LEVL: no key of section "common" goes by this name; did you mean "KCPGATE_COMMON_LOG_LEVEL"?',
    ],
    [
      { KCPGATE_LISTENERS_LINE_UDP_NAME: 'x' },
      /^KCPGATE_LISTENERS_LINE_UDP_NAME: no key of an entry of section "listeners" goes by this name/,
    ],
    [
      { KCPGATE_UPSTREAMS_OTHER_THING: 'x' },
      /^KCPGATE_UPSTREAMS_OTHER_THING: no key of an entry of section "upstreams"/,
    ],
    [{ KCPGATE_HUB_SHARDS: '1' }, 'KCPGATE_HUB_SHARDS: section "hub" is not supported in this version'],
    [{ KCPGATE_LOGIN_AUTH: 'x' }, 'KCPGATE_LOGIN_AUTH: login.auth: must be one of none, jwt, static, is "x"'],
    [
      { KCPGATE_LOGIN_GATEWAYS: 'two' },
      /^KCPGATE_LOGIN_GATEWAYS: login.gateways\[0\]: must be a whole number/,
    ],
    [
      { KCPGATE_LISTENERS_LINE_UDP_MTU: '0x578' },
      'KCPGATE_LISTENERS_LINE_UDP_MTU: listeners[0].mtu: must be a whole number from 576 to 1500, is "0x578"',
    ],
    [
      { KCPGATE_LISTENERS_LINE_UDP_ALLOW_STOCK: '1' },
      'KCPGATE_LISTENERS_LINE_UDP_ALLOW_STOCK: listeners[0].allow_stock: must be true or false, is "1"',
    ],
    [
      { KCPGATE_UPSTREAMS_APP_SERVERS: 'b:1,c' },
      /^KCPGATE_UPSTREAMS_APP_SERVERS: upstreams.app.servers\[1\].address: "c" is not a server address/,
    ],
    [
      { KCPGATE_UPSTREAMS_APP_SERVERS: '' },
      'KCPGATE_UPSTREAMS_APP_SERVERS: upstreams.app.servers: must have at least one entry',
    ],
    [
      { KCPGATE_COMMON_LOG_LEVELS: 'debug' },
      /^KCPGATE_COMMON_LOG_LEVELS: common.log_levels: must be a map of component/,
    ],
    [
      { KCPGATE_ROUTES_DEFAULT_TARGET: 'ap' },
      'KCPGATE_ROUTES_DEFAULT_TARGET: routes[0].target: there is no upstream "ap"; did you mean "app"?',
    ],
  ])('%j is an error', (env, expected) => {
    const errors = errorsOf(env);
    if (typeof expected === 'string') expect(errors).toBe(expected);
    else expect(errors).toMatch(expected);
  });

  it('that two entries share are an error', () => {
    const text = "listeners: [{ name: a-b, type: kcp-udp }, { name: a_b, type: kcp-udp, bind: '0.0.0.0:1' }]";
    expect(loadConfig({ text, env: {} }).ok).toBe(true);
    const result = loadConfig({ text, env: { KCPGATE_LISTENERS_A_B_MTU: '1000' } });
    expect(result.ok ? '' : formatIssues(result.errors)).toBe(
      'KCPGATE_LISTENERS_A_B_MTU: could mean listeners[0].mtu (listeners.a-b.mtu) or listeners[1].mtu (listeners.a_b.mtu)',
    );
  });

  it('that look like a slip outside of every section are a warning', () => {
    const result = load({ KCPGATE_COMON_LOG_LEVEL: 'debug' });
    expect(result.ok ? formatIssues(result.warnings) : '').toBe(
      'KCPGATE_COMON_LOG_LEVEL: is not used; did you mean "KCPGATE_COMMON_LOG_LEVEL"?',
    );
  });

  it('win over a value of the file that is wrong', () => {
    const result = loadConfig({ text: 'common: { node_id: "?" }', env: { KCPGATE_COMMON_NODE_ID: 'gw' } });
    expect(result).toMatchObject({ ok: true, config: { common: { nodeId: 'gw' } } });
  });
});

describe('variables that name a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kcpgate-env-'));
    writeFileSync(join(folder, 'node'), '  gw-9\n\n');
    writeFileSync(join(folder, 'large'), 'x'.repeat(70_000));
    writeFileSync(join(folder, 'binary'), Buffer.from([0xff, 0xfe, 0x80]));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('give its content without white space at the ends', () => {
    const result = load({ KCPGATE_COMMON_NODE_ID_FILE: join(folder, 'node') });
    expect(result).toMatchObject({ ok: true, config: { common: { nodeId: 'gw-9' } } });
  });

  it.each([
    ['missing', 'no such file'],
    ['.', 'is a directory'],
    ['large', 'is larger than 65536 bytes'],
    ['binary', 'is not UTF-8 text'],
  ])('are an error when the file is %s', (name, reason) => {
    const path = join(folder, name);
    expect(errorsOf({ KCPGATE_COMMON_NODE_ID_FILE: path })).toBe(
      `KCPGATE_COMMON_NODE_ID_FILE: cannot read ${JSON.stringify(path)}: ${reason}`,
    );
  });

  it('are an error beside the plain variable', () => {
    expect(errorsOf({ KCPGATE_COMMON_NODE_ID: 'a', KCPGATE_COMMON_NODE_ID_FILE: join(folder, 'node') })).toBe(
      'KCPGATE_COMMON_NODE_ID_FILE: KCPGATE_COMMON_NODE_ID is set too; only one of the two can be',
    );
  });
});

describe('flags', () => {
  it('for a key that does not exist are an error, and a wrong value names the flag', () => {
    const result = loadConfig({
      env: {},
      flags: [
        { flag: '--x', key: 'common.log_lvl', text: 'debug' },
        { flag: '--log-level', key: 'common.log_level', text: 'loud' },
      ],
    });
    expect(result.ok ? '' : formatIssues(result.errors)).toBe(
      '--x: there is no key "common.log_lvl"; did you mean "common.log_level"?\n' +
        '--log-level: common.log_level: must be one of trace, debug, info, warn, error, is "loud"',
    );
  });
});
