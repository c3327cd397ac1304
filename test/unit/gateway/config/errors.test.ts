import { describe, expect, it } from 'vitest';
import { formatIssues } from '../../../../src/gateway/config/issue.ts';
import { loadConfig } from '../../../../src/gateway/config/load.ts';
import { errorsOf } from './loading.ts';

/** A listener in front of which a broken line stands at line 2, column 3. */
const listener = (keys: string): string => `listeners:\n- { ${keys} }`;
const line = (keys: string): string => listener(`name: a, type: kcp-udp, ${keys}`);

describe('syntax', () => {
  it.each([
    ['common: [1\nfoo: 2\n', /^2:1: Flow sequence in block collection/],
    ['common: "x\n', /^2:1: Missing closing "quote/],
    ['common:\n\t- x\n', /^2:1: /],
    ['a: b: c\n', /^1:4: Nested mappings/],
    ['common: !secret x\n', /^1:9: Unresolved tag: !secret$/],
    ['common: {}\n---\ncommon: {}\n', /^2:1: Source contains multiple documents/],
    ['- a\n', /^1:1: must be a map of sections/],
    ['hello\n', /^1:1: must be a map of sections/],
    ['common: *nowhere\n', /^1:9: common: there is no finished anchor "nowhere" before this place$/],
    ['common: &a { node_id: *a }\n', /^1:23: common.node_id: there is no finished anchor "a"/],
    ['common: { [a]: 1 }\n', /^1:11: common: a key must be plain text$/],
    ['common: { <<: 5 }\n', /^1:15: common: "<<" takes the name of a map/],
    [
      'common: { node_id: a, node_id: b }\n',
      /^1:23: common.node_id: the key "node_id" stands twice in this map$/,
    ],
  ])('%j', (text, expected) => {
    const errors = errorsOf(text);
    expect(errors[0]).toMatch(expected);
    expect(errors).toHaveLength(1);
  });
});

describe('bounds', () => {
  it.each([
    ['size', `# ${'x'.repeat(1024 * 1024)}`, 'the file is larger than 1024 KiB'],
    ['aliases', `common: &a 1\nlisteners: [${'*a,'.repeat(200)}]`, 'more than 100 uses of anchors'],
    ['values', `listeners: [${'1,'.repeat(60_000)}]`, 'more than 50000 values'],
    ['depth', `common: ${'['.repeat(40)}${']'.repeat(40)}`, 'nested deeper than 16 levels'],
    ['extreme depth', '['.repeat(100_000), 'nested too deeply'],
    [
      'exponential anchors',
      `a: &a [1,2,3,4,5,6,7,8,9]\n${'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index] ?? ''},`.repeat(9)}]`)
        .join('\n')}`,
      'more than',
    ],
  ])('%s', (_, text, expected) => {
    expect(errorsOf(text).join('\n')).toContain(expected);
  });
});

describe('shape', () => {
  it.each([
    // Unknown keys.
    ['commn: {}', '1:1: commn: unknown key "commn"; did you mean "common"?'],
    [
      'common: { loglevel: debug }',
      '1:11: common.loglevel: unknown key "loglevel"; did you mean "log_level"?',
    ],
    ['common: { qqqq: 1 }', '1:11: common.qqqq: unknown key "qqqq"'],
    ['common: { "a\\nb": 1 }', '1:11: common["a\\nb"]: unknown key "a\\nb"'],
    ['common: { __proto__: 1 }', '1:11: common.__proto__: unknown key "__proto__"'],
    [line('bnid: 1'), '2:29: listeners[0].bnid: unknown key "bnid"; did you mean "bind"?'],
    ['upstreams: { a: { type: echo, servers: [] } }', '1:31: upstreams.a.servers: unknown key "servers"'],
    [
      "upstreams: { a: { type: tcp, servers: [{ adress: 'a:1', address: 'a:1' }] } }",
      '1:42: upstreams.a.servers[0].adress: unknown key "adress"; did you mean "address"?',
    ],
    [
      'routes: [{ name: a, match: { prot: 1 }, target: demo }]',
      '1:30: routes[0].match.prot: unknown key "prot"; did you mean "port"?',
    ],
    // Later versions.
    ['hub: []', '1:1: hub: "hub" is not supported in this version'],
    ['scheduler: {}', '1:1: scheduler: "scheduler" is not supported in this version'],
    ['common: { workers: 65 }', '1:20: common.workers: must be a whole number from 1 to 64, or auto, is 65'],
    [
      'common: { workers: all }',
      '1:20: common.workers: must be a whole number from 1 to 64, or auto, is "all"',
    ],
    [
      listener('name: a, type: tcp'),
      '2:20: listeners[0].type: type "tcp" is not supported in this version; it can be one of kcp-udp, kcp-tcp, http, relay',
    ],
    [
      "peers: [{ name: a, type: service, address: '10.0.0.1:1', gateway_id: 1 }]",
      '1:26: peers[0].type: type "service" is not supported in this version; it can be gateway',
    ],
    [
      "upstreams: { a: { type: tcp, servers: [{ address: 'a:1' }], balancing: x } }",
      '1:61: upstreams.a.balancing: "balancing" is not supported in this version',
    ],
    [
      "upstreams: { a: { type: tcp, servers: [{ address: 'a:1', weight: 1 }] } }",
      '1:58: upstreams.a.servers[0].weight: "weight" is not supported in this version',
    ],
    [
      'upstreams: { a: { type: ws } }',
      '1:25: upstreams.a.type: type "ws" is not supported in this version; it can be one of echo, tcp, udp',
    ],
    // Missing.
    [listener('type: kcp-udp'), /^2:3: listeners\[0\].name: is required: a name/],
    [listener('name: a'), '2:3: listeners[0].type: is required: one of kcp-udp, kcp-tcp, http, relay'],
    ['upstreams: { a: {} }', '1:17: upstreams.a.type: is required: one of echo, tcp, udp'],
    ['upstreams: { a: { type: tcp } }', '1:17: upstreams.a.servers: is required: a list of servers'],
    ['routes: [{ name: a }]', '1:10: routes[0].target: is required: the name of an upstream, or host:port'],
    [
      'upstreams: { a: { type: tcp, servers: [{}] } }',
      '1:40: upstreams.a.servers[0].address: is required: host:port, such as 127.0.0.1:7001',
    ],
    ['listeners: []', '1:12: listeners: must have at least one entry'],
    [
      'upstreams: { a: { type: tcp, servers: [] } }',
      '1:39: upstreams.a.servers: must have at least one entry',
    ],
    [
      'upstreams: { a: { type: echo }, b: { type: echo } }',
      '1:1: routes: are required when there is more than one upstream',
    ],
    // Types.
    ['common: 5', '1:9: common: must be a map, is 5'],
    ['listeners: {}', '1:12: listeners: must be a list, is a map'],
    ['listeners: [5]', '1:13: listeners[0]: must be a map, is 5'],
    ['upstreams: []', '1:12: upstreams: must be a map, is a list'],
    ['upstreams: { a: }', '1:14: upstreams.a: must be a map, is null'],
    ['routes: x', '1:9: routes: must be a list, is "x"'],
    ['routes: [{ name: a, match: 4000, target: demo }]', '1:28: routes[0].match: must be a map, is 4000'],
    [line('mtu: "1400"'), '2:34: listeners[0].mtu: must be a whole number from 576 to 1500, is "1400"'],
    [line('mtu: 1400.5'), '2:34: listeners[0].mtu: must be a whole number from 576 to 1500, is 1400.5'],
    [line('mtu: .inf'), /^2:34: listeners\[0\].mtu: must be a whole number/],
    [line('mtu:'), /^2:29: listeners\[0\].mtu: must be a whole number from 576 to 1500, is null$/],
    [line('allow_stock: yes'), '2:42: listeners[0].allow_stock: must be true or false, is "yes"'],
    ['common: { log_file: 5 }', '1:21: common.log_file: must be a path, or null, is 5'],
    ['common: { node_id: [] }', /^1:20: common.node_id: must be a name: .*, is a list$/],
    // Ranges.
    [line('mtu: 575'), '2:34: listeners[0].mtu: must be a whole number from 576 to 1500, is 575'],
    [line('mtu: 1501'), '2:34: listeners[0].mtu: must be a whole number from 576 to 1500, is 1501'],
    [line('send_window: 0'), '2:42: listeners[0].send_window: must be a whole number from 1 to 65535, is 0'],
    [line('receive_window: 65536'), /^2:45: listeners\[0\].receive_window: must be .*, is 65536$/],
    [
      line('idle_timeout: 999ms'),
      /^2:43: listeners\[0\].idle_timeout: must be a duration from 1s to 24h, .*, is "999ms"$/,
    ],
    [
      line('idle_timeout: 30'),
      /^2:43: listeners\[0\].idle_timeout: must be a duration from 1s to 24h, .*, is 30$/,
    ],
    ['common: { drain_timeout: 61m }', /^1:26: common.drain_timeout: must be a duration from 0s to 1h/],
    [
      line('max_queue: 64KB'),
      /^2:40: listeners\[0\].max_queue: must be a size from 64KiB to 1GiB, .*, is "64KB"$/,
    ],
    [line('max_queue: 65535'), /^2:40: listeners\[0\].max_queue: must be a size from 64KiB to 1GiB/],
    [line('max_queue: 65536.5'), /^2:40: listeners\[0\].max_queue: must be a size/],
    [line('max_queue: true'), /^2:40: listeners\[0\].max_queue: must be a size/],
    [
      'routes: [{ name: a, match: { port: 0 }, target: demo }]',
      /^1:36: routes\[0\].match.port: must be a whole number/,
    ],
    // Choices, names, addresses.
    [
      line('preset: fastt'),
      '2:37: listeners[0].preset: must be one of default, normal, fast, fast2, fast3, is "fastt"; did you mean "fast"?',
    ],
    [
      'common: { log_level: warning }',
      /^1:22: common.log_level: must be one of .*, is "warning"; did you mean "warn"\?$/,
    ],
    [
      'common: { log_levels: { endpoint: loud } }',
      /^1:35: common.log_levels.endpoint: must be one of trace, debug/,
    ],
    ['common: { log_levels: debug }', /^1:23: common.log_levels: must be a map of component to level/],
    ['common: { node_id: "a b" }', /^1:20: common.node_id: must be a name: .*, is "a b"$/],
    [
      `common: { node_id: ${'a'.repeat(65)} }`,
      /^1:20: common.node_id: must be a name: .*, is "a{59}\.\.\."$/,
    ],
    [
      'upstreams: { a/b: { type: echo } }',
      /^1:14: upstreams\["a\/b"\]: the name of an upstream must be a name/,
    ],
    [
      'upstreams: { __proto__: { type: echo } }',
      /^1:14: upstreams.__proto__: the name of an upstream must be a name/,
    ],
    [line("bind: '4000'"), /^2:35: listeners\[0\].bind: "4000" has no port/],
    [
      line("bind: 'localhost:4000'"),
      /^2:35: listeners\[0\].bind: "localhost:4000" .*host names are not accepted/,
    ],
    [line("bind: '0.0.0.0:65536'"), /^2:35: listeners\[0\].bind: /],
    [line("bind: '::1:4000'"), /^2:35: listeners\[0\].bind: .*brackets/],
    [line('bind: 4000'), /^2:35: listeners\[0\].bind: must be an IP address and port/],
    [
      "upstreams: { a: { type: tcp, servers: [{ address: 'a:1' }, { address: b }] } }",
      /^1:71: upstreams.a.servers\[1\].address: "b" is not a server address: write host:port/,
    ],
    // Variables.
    [
      'common:\n  node_id: gw-${REGION}',
      '2:15: common.node_id: environment variable REGION is not set and has no default (${REGION:-default})',
    ],
    ['common:\n  node_id: "a\n    ${X"', /^3:5: common.node_id: "\$\{X" is not a variable/],
    ['login: { a: "${X}" }\n', /./],
  ])('%j', (text, expected) => {
    const errors = errorsOf(text);
    if (typeof expected === 'string') expect(errors[0]).toBe(expected);
    else expect(errors[0]).toMatch(expected);
    if (!text.startsWith('login: { a')) expect(errors).toHaveLength(1);
  });

  it('points at the place where the value of an alias is written', () => {
    const text =
      'upstreams:\n  a: { type: tcp, servers: &s [{ address: b }] }\n  c: { type: tcp, servers: *s }\nroutes: [{ name: r, target: a }]';
    expect(errorsOf(text).map((error) => error.slice(0, 43))).toEqual([
      '2:43: upstreams.a.servers[0].address: "b" i',
      '2:43: upstreams.c.servers[0].address: "b" i',
    ]);
  });
});

describe('references', () => {
  const two = (first: string, second: string): string =>
    `listeners:\n- { name: a, type: kcp-udp, bind: '${first}' }\n- { name: b, type: kcp-udp, bind: '${second}' }`;

  it.each([
    [
      "listeners:\n- { name: a, type: kcp-udp }\n- { name: a, type: kcp-udp, bind: '0.0.0.0:1' }",
      '3:11: listeners[1].name: the name "a" is taken by listeners[0] (line 2)',
    ],
    [
      'routes:\n- { name: a, match: { port: 4000 }, target: demo }\n- { name: a, target: demo }',
      '3:11: routes[1].name: the name "a" is taken by routes[0] (line 2)',
    ],
    [
      two('1.1.1.1:5', '1.1.1.1:5'),
      '3:35: listeners[1].bind: "1.1.1.1:5" is the address of listeners[0] (line 2) too',
    ],
    [
      two('0.0.0.0:5', '1.1.1.1:5'),
      '3:35: listeners[1].bind: "1.1.1.1:5" is the address of listeners[0] (line 2) too',
    ],
    [
      two('1.1.1.1:5', '[::]:5'),
      '3:35: listeners[1].bind: "[::]:5" is the address of listeners[0] (line 2) too',
    ],
    [
      two('[::1]:5', '[0:0::1]:5'),
      '3:35: listeners[1].bind: "[0:0::1]:5" is the address of listeners[0] (line 2) too',
    ],
    [
      'routes:\n- { name: a, target: dmeo }',
      '2:22: routes[0].target: there is no upstream "dmeo"; did you mean "demo"?',
    ],
    [
      'routes:\n- { name: a, target: 1.2.3.4 }',
      '2:22: routes[0].target: there is no upstream "1.2.3.4"; a server is written host:port',
    ],
    [
      "routes:\n- { name: a, target: 'h:0' }",
      '2:22: routes[0].target: "h:0" is not a server address: the port must be 1 to 65535',
    ],
    [
      'routes:\n- { name: a, match: { listener: line-upd }, target: demo }\n- { name: b, target: demo }',
      '2:33: routes[0].match.listener: there is no listener "line-upd"; did you mean "line-udp"?',
    ],
    [
      "listeners:\n- { name: a, type: kcp-udp, bind: '0.0.0.0:1' }\n- { name: b, type: kcp-udp, bind: '0.0.0.0:2' }\nroutes: [{ name: r, match: { port: 1 }, target: demo }]",
      '3:11: listeners[1].name: no route takes the sessions of listener "b"',
    ],
    [
      '\nroutes: [{ name: r, match: { port: 4000 }, target: demo }]',
      '2:1: routes: no route takes the sessions of listener "http"',
    ],
  ])('%j', (text, expected) => {
    expect(errorsOf(text)).toEqual([expected]);
  });

  it.each([
    two('1.1.1.1:0', '1.1.1.1:0'),
    two('0.0.0.0:5', '[::1]:5'),
    two('0.0.0.0:5', '0.0.0.0:6'),
    two('127.0.0.1:5', '127.0.0.2:5'),
  ])('are in order in %j', (text) => {
    expect(errorsOf(text)).toEqual([]);
  });
});

describe('several errors', () => {
  it('come at once, in the order of the file, of every kind', () => {
    const text = `
common: { log_level: loud, log_level: info }
listeners:
  - { name: a, type: kcp-udp, idle_timout: 5s, mtu: 9000 }
  - { name: a, type: kcp-udp, bind: '\${GONE}' }
routes:
  - { name: r, target: ap }
extra: 1
`;
    expect(errorsOf(text, { env: { KCPGATE_COMMON_NODE_ID: '?' } })).toEqual([
      '2:22: common.log_level: must be one of trace, debug, info, warn, error, is "loud"',
      '2:28: common.log_level: the key "log_level" stands twice in this map',
      '4:31: listeners[0].idle_timout: unknown key "idle_timout"; did you mean "idle_timeout"?',
      '4:53: listeners[0].mtu: must be a whole number from 576 to 1500, is 9000',
      '5:13: listeners[1].name: the name "a" is taken by listeners[0] (line 4)',
      '5:38: listeners[1].bind: environment variable GONE is not set and has no default (${GONE:-default})',
      '7:24: routes[0].target: there is no upstream "ap"',
      '8:1: extra: unknown key "extra"',
      expect.stringMatching(/^KCPGATE_COMMON_NODE_ID: common.node_id: must be a name/) as string,
    ]);
  });

  it('are cut off in print, not in the result', () => {
    const text = Array.from({ length: 120 }, (_, index) => `key${String(index)}: 1`).join('\n');
    expect(errorsOf(text)).toHaveLength(51);
    expect(errorsOf(text).at(-1)).toBe('and 70 more');
  });
});

describe('long keys and values', () => {
  it.each([`${'k'.repeat(10_000)}: 1`, `common: { node_id: "\${${'x'.repeat(10_000)}" }`])(
    'are cut in print',
    (text) => {
      expect(errorsOf(text).join('').length).toBeLessThan(600);
    },
  );
});

describe('files', () => {
  it('a file that cannot be read is an error with its name', () => {
    const result = loadConfig({ file: '/nonexistent/gateway.yaml', env: {} });
    expect(result.ok ? '' : formatIssues(result.errors)).toBe(
      '/nonexistent/gateway.yaml: cannot read the file: no such file',
    );
  });

  it('a folder is no file', () => {
    const result = loadConfig({ file: import.meta.dirname, env: {} });
    expect(result.ok ? '' : formatIssues(result.errors)).toMatch(/: cannot read the file: is a directory$/);
  });
});
