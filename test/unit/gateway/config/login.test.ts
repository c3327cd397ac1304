import { describe, expect, it } from 'vitest';
import { configOf, errorsOf, warningsOf } from './loading.ts';

const HEX_KEY = '00112233445566778899aabbccddeeff'.repeat(2);
const BASE64_KEY = Buffer.alloc(32, 7).toString('base64');
const JWT_SECRET = 'a secret of more than 32 bytes, only for tests';
const TOKEN = 'token-0123456789';

describe('the section login', () => {
  it('has defaults', () => {
    expect(configOf('').login).toEqual({
      auth: 'none',
      lines: 'auto',
      ticketTtlMs: 12 * 3_600_000,
      seal: 'aes-128-gcm',
      ticketKeys: [],
      resetKey: null,
      keyLogFile: null,
      jwt: null,
      tokens: [],
      loginsPerSecond: 2000,
      loginsPerSecondPerSource: 20,
      loginsPerSecondPerSubject: 5,
      maxSessionsPerSubject: null,
      relays: false,
      gateways: [],
      allowHttp: false,
    });
  });

  it('reads every key', () => {
    const text = `
common: { gateway_id: 1, region: eu }
listeners: [{ name: line, type: kcp-udp, allow_clear: true, allow_stock: false }, { name: relay, type: relay, bind: '0.0.0.0:4010' }]
login:
  auth: jwt
  lines:
    - { id: udp, transport: udp, host: 192.0.2.1, port: 4000 }
    - { id: tls, transport: tcp, tls: true, host: '[2001:db8::1]', port: 443, region: null, priority: 1, weight: 2 }
    - { id: ws, transport: ws, allow_clear: true, host: a.example, port: 80, gateway_id: 2, region: us }
    - { id: wss, transport: wss, host: a.example, port: 443, path: /x/kcp }
  ticket_ttl: 1h
  seal: clear
  ticket_keys: [{ id: 9, key: ${HEX_KEY} }, { id: 0, key: ${BASE64_KEY} }]
  reset_key: ${HEX_KEY.toUpperCase()}
  jwt:
    { secret: '${JWT_SECRET}', algorithms: [HS256], issuer: https://i.example, audience: app, subject_claim: uid,
      clock_tolerance: 0s, jwks_cache: 1m, ticket_claims: [tier, level] }
  logins_per_second: 7
  logins_per_second_per_source: 6
  logins_per_second_per_subject: 5
  max_sessions_per_subject: 4
  relays: true
  gateways: [2]
  allow_http: true
peers: [{ name: p, type: gateway, address: '[2001:db8::2]:4010', gateway_id: 2, region: us }]`;
    const config = configOf(text);
    expect(warningsOf(text)).toEqual([]);
    expect(config.common).toMatchObject({ gatewayId: 1, region: 'eu' });
    expect(config.peers).toEqual([
      {
        name: 'p',
        type: 'gateway',
        address: { address: '2001:db8::2', family: 6, port: 4010 },
        gatewayId: 2,
        region: 'us',
      },
    ]);
    const line = {
      gatewayId: 1,
      tls: false,
      allowClear: false,
      path: null,
      region: 'eu',
      priority: 0,
      weight: 100,
    };
    expect(config.login).toEqual({
      auth: 'jwt',
      lines: [
        { ...line, id: 'udp', transport: 'udp', host: '192.0.2.1', port: 4000 },
        {
          ...line,
          id: 'tls',
          transport: 'tcp',
          tls: true,
          host: '2001:db8::1',
          port: 443,
          region: null,
          priority: 1,
          weight: 2,
        },
        {
          ...line,
          id: 'ws',
          transport: 'ws',
          allowClear: true,
          host: 'a.example',
          port: 80,
          gatewayId: 2,
          path: '/kcp',
          region: 'us',
        },
        { ...line, id: 'wss', transport: 'wss', host: 'a.example', port: 443, path: '/x/kcp' },
      ],
      ticketTtlMs: 3_600_000,
      seal: 'clear',
      ticketKeys: [
        { id: 9, key: Uint8Array.from(Buffer.from(HEX_KEY, 'hex')) },
        { id: 0, key: new Uint8Array(32).fill(7) },
      ],
      resetKey: Uint8Array.from(Buffer.from(HEX_KEY, 'hex')),
      keyLogFile: null,
      jwt: {
        key: { type: 'secret', secret: JWT_SECRET },
        algorithms: ['HS256'],
        issuer: 'https://i.example',
        audience: 'app',
        subjectClaim: 'uid',
        ticketClaims: ['tier', 'level'],
        clockToleranceMs: 0,
        jwksCacheMs: 60_000,
      },
      tokens: [],
      loginsPerSecond: 7,
      loginsPerSecondPerSource: 6,
      loginsPerSecondPerSubject: 5,
      maxSessionsPerSubject: 4,
      relays: true,
      gateways: [2],
      allowHttp: true,
    });
  });

  it('warns that a key log gives everything away', () => {
    const text = 'login: { key_log_file: keys.log }';
    expect(configOf(text).login.keyLogFile).toBe('keys.log');
    const message = expect.stringContaining('whoever has that file can read their traffic') as string;
    expect(warningsOf(text)).toEqual([message]);
    expect(warningsOf('login: { key_log_file: null }')).toEqual([]);
  });

  it('is plain data that another thread can be given', () => {
    const { login } = configOf(`login: { ticket_keys: [{ id: 1, key: ${HEX_KEY} }] }`);
    expect(structuredClone(login)).toEqual(login);
  });

  it('knows what key set URLs can be', () => {
    for (const url of [
      'https://id.example/keys?a=b',
      'http://localhost:8080/keys',
      'http://[::1]/k',
      'http://127.0.0.1/',
    ])
      expect(configOf(`login: { auth: jwt, jwt: { jwks_url: '${url}' } }`).login.jwt).toMatchObject({
        key: { type: 'jwks-url', url },
        algorithms: ['RS256', 'EdDSA'],
        issuer: null,
        audience: null,
        subjectClaim: 'sub',
        ticketClaims: [],
        clockToleranceMs: 30_000,
        jwksCacheMs: 600_000,
      });
  });
});

const login = (keys: string): string => `login: { ${keys} }`;
const jwt = (keys: string): string => `login: { auth: jwt, jwt: { ${keys} } }`;
const lines = (...entries: string[]): string =>
  `login: { lines: [${entries.map((keys) => `{ ${keys} }`).join(', ')}] }`;
const LINE = 'transport: udp, host: a, port: 1';
const FRONT =
  "front: { tcp_port: null, gateways: [{ name: a, gateway_id: 1, udp: '10.0.0.1:1' }, { name: b, gateway_id: 2, udp: '10.0.0.2:1' }] }";

describe('wrong values', () => {
  it.each([
    [login('auth: oauth'), '1:16: login.auth: must be one of none, jwt, static, is "oauth"'],
    [login('auth: jwt'), '1:16: login.auth: "jwt" needs the section login.jwt'],
    [login('auth: static'), '1:16: login.auth: "static" needs login.tokens'],
    [login('seal: none'), '1:16: login.seal: must be one of aes-128-gcm, clear, is "none"'],
    [
      login('ticket_ttl: 1s'),
      '1:22: login.ticket_ttl: must be a duration from 1m to 720h, such as 500ms, 5s, 1m or 2h, is "1s"',
    ],
    [login('lines: all'), '1:17: login.lines: must be auto or a list of lines, is "all"'],
    [login('lines: []'), '1:17: login.lines: must have at least one entry'],
    [login('lines: [auto]'), '1:18: login.lines[0]: must be a map, is "auto"'],
    [
      lines(`id: a, ${LINE}, wight: 1`),
      '1:61: login.lines[0].wight: unknown key "wight"; did you mean "weight"?',
    ],
    [
      lines('id: a, transport: kcp, host: a, port: 1'),
      '1:38: login.lines[0].transport: must be one of udp, tcp, ws, wss, is "kcp"; did you mean "tcp"?',
    ],
    [
      lines('id: a, transport: udp, host: "a:1", port: 1'),
      '1:49: login.lines[0].host: must be a host name or an IP address, is "a:1"',
    ],
    [
      lines('id: a, transport: udp, host: a, port: 0'),
      '1:58: login.lines[0].port: must be a whole number from 1 to 65535, is 0',
    ],
    [
      lines(`id: a, ${LINE}`, `id: a, ${LINE}`),
      '1:69: login.lines[1].id: the id "a" is taken by login.lines[0] (line 1)',
    ],
    [
      lines(`id: a, ${LINE}, path: /kcp`),
      '1:67: login.lines[0].path: a path goes with ws and wss, not with udp',
    ],
    [
      lines('id: a, transport: ws, host: a, port: 1, path: null'),
      '1:66: login.lines[0].path: ws needs a path',
    ],
    [
      lines('id: a, transport: wss, host: a, port: 1, tls: true'),
      '1:66: login.lines[0].tls: goes with tcp, not with wss',
    ],
    [
      login('max_sessions_per_subject: 0'),
      '1:36: login.max_sessions_per_subject: must be a whole number from 1 to 1000000, or null, is 0',
    ],
    [login('ticket_keys: [{ id: 1 }]'), '1:24: login.ticket_keys[0]: key or key_file is required'],
    [
      login(`ticket_keys: [{ id: 1, key: ${HEX_KEY} }, { id: 1, key: ${BASE64_KEY} }]`),
      '1:112: login.ticket_keys[1].id: the id 1 is taken by login.ticket_keys[0] (line 1)',
    ],
    [
      login('auth: static, tokens: [{ subject: a }]'),
      '1:33: login.tokens[0]: token or token_file is required',
    ],
    [
      login(`auth: static, tokens: [{ subject: a, token: ${TOKEN} }, { subject: b, token: ${TOKEN} }]`),
      '1:74: login.tokens[1]: the token is taken by login.tokens[0] (line 1)',
    ],
    [
      login(`auth: static, tokens: [{ subject: ${'ä'.repeat(128)}, token: ${TOKEN} }]`),
      /^1:44: login.tokens\[0\].subject: must be text of 1 to 255 bytes/,
    ],
    [
      jwt('issuer: a'),
      '1:21: login.jwt: one of secret, secret_file, public_key_file, jwks_file and jwks_url is required',
    ],
    [
      jwt(`secret: '${JWT_SECRET}', jwks_url: 'https://a/'`),
      '1:96: login.jwt.jwks_url: only one key can be given, and "secret" is one',
    ],
    [
      jwt("jwks_url: 'https://a/', algorithms: [RS256, HS256]"),
      '1:72: login.jwt.algorithms[1]: HS256 needs a secret, not "jwks_url"',
    ],
    [
      jwt(`secret: '${JWT_SECRET}', algorithms: [EdDSA]`),
      '1:99: login.jwt.algorithms[0]: EdDSA needs a public key, not "secret"',
    ],
    [
      jwt("jwks_url: 'https://a/', algorithms: [RS512]"),
      '1:65: login.jwt.algorithms[0]: must be one of HS256, RS256, EdDSA, is "RS512"',
    ],
    [
      jwt("jwks_url: 'https://a/', algorithms: []"),
      '1:64: login.jwt.algorithms: must have at least one entry',
    ],
    [
      jwt("jwks_url: 'http://id.example/'"),
      '1:38: login.jwt.jwks_url: must be an https URL without user and password (http for this host only), or null',
    ],
    [
      jwt("jwks_url: 'https://user:word@id.example/'"),
      '1:38: login.jwt.jwks_url: must be an https URL without user and password (http for this host only), or null',
    ],
    [
      jwt('jwks_url: keys'),
      '1:38: login.jwt.jwks_url: must be an https URL without user and password (http for this host only), or null',
    ],
    [
      jwt("jwks_url: 'https://a/', clock_tolerance: 11m"),
      /^1:69: login.jwt.clock_tolerance: must be a duration from 0s to 10m/,
    ],
    [
      jwt('jwks_url: \'https://a/\', issuer: "a\\nb"'),
      /^1:60: login.jwt.issuer: must be text of 1 to 1024 bytes, or null, is "a\\nb"/,
    ],
  ])('%j', (text, expected) => {
    const errors = errorsOf(text);
    if (typeof expected === 'string') expect(errors).toEqual([expected]);
    else expect(errors.join('\n')).toMatch(expected);
  });
});

describe('secrets are not shown', () => {
  it.each([
    [
      'common: { admin_token: s3cr3t }',
      '1:24: common.admin_token: must be 16 to 512 characters of printable ASCII without spaces',
    ],
    [
      'common: { admin_token: 1234567 }',
      '1:24: common.admin_token: must be 16 to 512 characters of printable ASCII without spaces, or null',
    ],
    [
      'common: { admin_token: "s3cr3t with a space in it" }',
      '1:24: common.admin_token: must be 16 to 512 characters of printable ASCII without spaces',
    ],
    [login('reset_key: s3cr3t'), '1:21: login.reset_key: must be 32 bytes in base64 or hexadecimal'],
    [
      login(`ticket_keys: [{ id: 1, key: ${HEX_KEY}00 }]`),
      '1:38: login.ticket_keys[0].key: must be 32 bytes in base64 or hexadecimal',
    ],
    ...[31, 33].map((bytes) => [
      login(`ticket_keys: [{ id: 1, key: ${Buffer.alloc(bytes, 1).toString('base64url')} }]`),
      '1:38: login.ticket_keys[0].key: must be 32 bytes in base64 or hexadecimal',
    ]),
    [login('ticket_keys: [s3cr3t]'), '1:24: login.ticket_keys[0]: must be a map'],
    [
      login('ticket_keys: s3cr3t'),
      '1:23: login.ticket_keys: must be a list of keys (as text: 1:<key>,0:<key>)',
    ],
    [
      login('tokens: [{ subject: a, token: s3cr3t }]'),
      '1:40: login.tokens[0].token: must be 16 to 512 characters of printable ASCII without spaces',
    ],
    [jwt('secret: s3cr3t'), '1:36: login.jwt.secret: must be text of 32 bytes or more'],
    [jwt('secret: 1234567'), '1:36: login.jwt.secret: must be text of 32 bytes or more, or null'],
  ])('%j', (text, expected) => {
    expect(errorsOf(text)).toEqual([expected]);
  });
});

describe('gateways', () => {
  const peers = (...entries: string[]): string =>
    `peers: [${entries.map((keys) => `{ type: gateway, ${keys} }`).join(', ')}]`;
  const own = 'common: { gateway_id: 1 }\n';
  const relay = "\nlisteners: [{ name: l, type: kcp-udp }, { name: r, type: relay, bind: '0.0.0.0:4010' }]";

  it.each([
    [
      `${own}${peers("name: a, address: '10.0.0.2:1', gateway_id: 1")}`,
      '2:70: peers[0].gateway_id: 1 is the id of this gateway',
    ],
    [
      `${own}${peers("name: a, address: '10.0.0.2:1', gateway_id: 2", "name: b, address: '10.0.0.3:1', gateway_id: 2")}`,
      '2:136: peers[1].gateway_id: the gateway id 2 is taken by peers[0] (line 2)',
    ],
    [
      `${own}${peers("name: a, address: '10.0.0.2:1', gateway_id: 2", "name: a, address: '10.0.0.3:1', gateway_id: 3")}`,
      '2:98: peers[1].name: the name "a" is taken by peers[0] (line 2)',
    ],
    [
      `${own}${peers("name: a, address: '10.0.0.2:1', gateway_id: 2", "name: b, address: '10.0.0.2:1', gateway_id: 3")}`,
      '2:110: peers[1].address: the address is that of peers[0] (line 2) too',
    ],
    [
      peers("name: a, address: '10.0.0.2:1', gateway_id: 2"),
      '1:1: common.gateway_id: must be 1 to 255 in a gateway with peers, is 0',
    ],
    [
      `common: { gateway_id: 0 }\n${peers("name: a, address: '10.0.0.2:1', gateway_id: 2")}`,
      '1:23: common.gateway_id: must be 1 to 255 in a gateway with peers, is 0',
    ],
    ['common: { gateway_id: 256 }', '1:23: common.gateway_id: must be a whole number from 0 to 255, is 256'],
    [
      `${own}${peers("name: a, address: '10.0.0.2:1', gateway_id: 0")}`,
      '2:70: peers[0].gateway_id: must be a whole number from 1 to 255, is 0',
    ],
    [
      `${own}${peers("name: a, address: '10.0.0.2:0', gateway_id: 2")}`,
      '2:44: peers[0].address: the port must be 1 to 65535',
    ],
    [
      `${own}${peers("name: a, address: 'gw2:4010', gateway_id: 2")}`,
      /^2:44: peers\[0\].address: "gw2:4010" does not begin with an IP address; host names are not accepted here/,
    ],
    [
      `${own}${peers("name: a, address: '10.0.0.2:1'")}`,
      '2:9: peers[0].gateway_id: is required: a whole number from 1 to 255',
    ],
    [
      'login: { gateways: [2] }',
      '1:10: common.gateway_id: must be 1 to 255 in a gateway with login.gateways, is 0',
      '1:21: login.gateways[0]: nothing leads to gateway 2: that takes a line in login.lines, or login.relays: true with it in peers or front.gateways',
    ],
    [`${own}login: { gateways: [1] }`, '2:21: login.gateways[0]: 1 is the id of this gateway'],
    [
      `${own}login: { relays: true, gateways: [2, 2] }\n${peers("name: a, address: '10.0.0.2:1', gateway_id: 2")}`,
      '2:38: login.gateways[1]: 2 stands here twice',
    ],
    [
      `${own}login: { gateways: [two] }`,
      '2:21: login.gateways[0]: must be a whole number from 1 to 255, is "two"',
    ],
  ])('%j', (text, ...expected) => {
    const errors = errorsOf(text);
    expect(errors).toHaveLength(expected.length);
    for (const [index, wanted] of expected.entries()) {
      if (typeof wanted === 'string') expect(errors[index]).toBe(wanted);
      else expect(errors[index]).toMatch(wanted);
    }
  });

  it.each([
    `${own}login: { relays: true, gateways: [2] }\n${peers("name: a, address: '10.0.0.2:1', gateway_id: 2")}${relay}`,
    `${own}login: { gateways: [2], lines: [{ id: a, ${LINE} }, { id: b, ${LINE}, gateway_id: 2 }] }`,
    `${own}login: { relays: true, gateways: [2], lines: [{ id: a, ${LINE} }] }`,
    `${own}login: { relays: true, gateways: [2] }\n${FRONT}`,
  ])('are in order in %j', (text) => {
    expect(warningsOf(text)).toEqual([]);
  });

  it.each([
    [
      `${own}${peers("name: a, address: '10.0.0.2:1', gateway_id: 2")}`,
      '2:1: peers: there is no listener of type relay: nothing can be relayed to this gateway',
    ],
    ['login: { relays: true }', '1:18: login.relays: there are no peers to relay for'],
    [
      `${own}login: { relays: true }\n${FRONT.replace('gateways:', 'udp_balancing: passive, gateways:')}`,
      '2:18: login.relays: there are no peers to relay for',
    ],
    [
      `${own}login: { lines: [{ id: a, ${LINE}, gateway_id: 9 }] }`,
      '2:73: login.lines[0].gateway_id: no session is offered of gateway 9: it is not in login.gateways',
    ],
  ])('%j is doubtful', (text, expected) => {
    expect(warningsOf(text)).toEqual([expected]);
  });
});

describe('the admin API', () => {
  it.each([
    [
      "common: { admin_addr: '0.0.0.0:8888' }",
      '1:23: common.admin_addr: "0.0.0.0" is not a loopback address: admin_token or admin_token_file is required',
    ],
    [
      "common: { admin_addr: '[::]:8888' }",
      '1:23: common.admin_addr: "::" is not a loopback address: admin_token or admin_token_file is required',
    ],
    ['common: { admin_addr: localhost }', /^1:23: common.admin_addr: "localhost" has no port/],
  ])('%j', (text, expected) => {
    const [error, ...others] = errorsOf(text);
    expect(others).toEqual([]);
    if (typeof expected === 'string') expect(error).toBe(expected);
    else expect(error).toMatch(expected);
  });

  it('is at home on this host, and elsewhere with a token', () => {
    expect(configOf('').common).toMatchObject({
      adminAddress: { address: '127.0.0.1', family: 4, port: 8888 },
      adminToken: null,
    });
    expect(configOf("common: { admin_addr: '[::1]:0' }").common).toMatchObject({ adminToken: null });
    expect(configOf('common: { admin_addr: null }').common).toMatchObject({ adminAddress: null });
    expect(configOf(`common: { admin_addr: '0.0.0.0:8888', admin_token: ${TOKEN} }`).common).toMatchObject({
      adminAddress: { address: '0.0.0.0' },
      adminToken: TOKEN,
    });
  });
});

describe('the section sessions', () => {
  it('has defaults', () => {
    expect(configOf('').sessions).toEqual({
      preset: 'fast3',
      mtu: 1400,
      sendWindow: 1024,
      receiveWindow: 1024,
      deadLink: 20,
      idleTimeoutMs: 30_000,
      maxMessageBytes: 65_535,
      maxSessions: 100_000,
      maxSessionsPerSource: 1000,
      newSessionsPerSecond: 10_000,
      newSessionsPerSourcePerSecond: 200,
      maxHalfOpen: 4096,
      maxQueueBytes: 4 * 1024 ** 2,
      copyBytesPerSecond: 65_536,
      maxMemoryBytes: 1024 ** 3,
    });
  });

  it('reads every key', () => {
    const text = `sessions: { preset: normal, mtu: 1200, send_window: 300, receive_window: 2, dead_link: 3, idle_timeout: 1m,
      max_message: 2KiB, max_sessions: 4, max_sessions_per_source: 5, new_sessions_per_second: 6,
      new_sessions_per_source_per_second: 7, max_half_open: 8, max_queue: 64KiB, copy_rate: 0, max_memory: 1MiB }`;
    expect(configOf(text).sessions).toEqual({
      preset: 'normal',
      mtu: 1200,
      sendWindow: 300,
      receiveWindow: 2,
      deadLink: 3,
      idleTimeoutMs: 60_000,
      maxMessageBytes: 2048,
      maxSessions: 4,
      maxSessionsPerSource: 5,
      newSessionsPerSecond: 6,
      newSessionsPerSourcePerSecond: 7,
      maxHalfOpen: 8,
      maxQueueBytes: 64 * 1024,
      copyBytesPerSecond: 0,
      maxMemoryBytes: 1024 ** 2,
    });
    expect(warningsOf(text)).toEqual([]);
  });

  it.each([
    // 1400 - 72 = 1328 bytes a segment.
    ['sessions: { max_message: 338640 }', undefined],
    [
      'sessions: { max_message: 338641 }',
      '1:26: sessions.max_message: 338641 bytes are 256 segments of this mtu; windows and format take 255',
    ],
    ['sessions: { max_message: 2656, receive_window: 2 }', undefined],
    [
      'sessions: { max_message: 2657, receive_window: 2 }',
      '1:26: sessions.max_message: 2657 bytes are 3 segments of this mtu; windows and format take 2',
    ],
    [
      'sessions: { send_window: 49 }',
      '1:11: sessions.max_message: 65535 bytes are 50 segments of this mtu; windows and format take 49',
    ],
    ['sessions: { max_message: 1MiB }', /^1:26: sessions.max_message: must be a size from 1KiB to 360KiB/],
    [
      'sessions: { max_half_open: 0 }',
      '1:28: sessions.max_half_open: must be a whole number from 1 to 1000000, is 0',
    ],
    [
      'sessions: { max_sesions: 1 }',
      '1:13: sessions.max_sesions: unknown key "max_sesions"; did you mean "max_sessions"?',
    ],
  ])('%j', (text, expected) => {
    const errors = errorsOf(text);
    if (expected === undefined) expect(errors).toEqual([]);
    else if (typeof expected === 'string') expect(errors).toEqual([expected]);
    else expect(errors.join('\n')).toMatch(expected);
  });
});

describe('warnings', () => {
  it('tells of stock peers that need no login, unless somebody wrote that they may', () => {
    const login = `login: { auth: jwt, jwt: { secret: '${JWT_SECRET}' } }`;
    const text = (more: string): string => `${login}\nlisteners: [{ name: a, type: kcp-udp${more} }]`;
    const ticketless = warningsOf(text('')).filter((warning) => warning.includes('stock peers'));
    expect(ticketless).toEqual([
      '2:13: listeners[0]: lets stock peers in without a login; write allow_stock: false, or true if that is meant',
    ]);
    for (const more of [', allow_stock: true', ', allow_stock: false'])
      expect(warningsOf(text(more)).join()).not.toContain('stock peers');
  });

  it.each([
    [
      'sessions: { idle_timeout: 12s }',
      '1:27: sessions.idle_timeout: is shorter than the 12 s that a client without traffic may be silent',
    ],
    [
      'sessions: { mtu: 1473 }',
      '1:18: sessions.mtu: datagrams above 1472 bytes need two packets on Ethernet',
    ],
    [
      'sessions: { max_queue: 2MiB, max_memory: 1MiB }',
      '1:24: sessions.max_queue: is more than max_memory, which comes first',
    ],
    [login(`jwt: { secret: '${JWT_SECRET}' }`), '1:15: login.jwt: is not used with auth: none'],
    [login(`tokens: [{ subject: a, token: ${TOKEN} }]`), '1:18: login.tokens: is not used with auth: none'],
    [login('seal: clear'), '1:16: login.seal: no line of this gateway lets sessions without seal in'],
  ])('%j', (text, expected) => {
    expect(warningsOf(text)).toEqual([expected]);
  });

  it('say nothing where it is well', () => {
    expect(warningsOf('sessions: { idle_timeout: 13s }')).toEqual([]);
    expect(
      warningsOf(`${login('seal: clear')}\nlisteners: [{ name: a, type: http, allow_clear: true }]`),
    ).toEqual([]);
  });
});
