import { describe, expect, it } from 'vitest';
import { configOf, errorsOf, warningsOf } from './loading.ts';

const v4 = (address: string, port: number) => ({ address, family: 4, port });

const gateway = (id: number, keys = ''): string =>
  `{ name: gw-${String(id)}, gateway_id: ${String(id)}, udp: '10.0.0.${String(id)}:4000'${keys} }`;

/** The section on one line. */
const front = (keys: string): string => `front: { ${keys} }`;

describe('the section front', () => {
  it('is this gateway alone, at the addresses of its listeners', () => {
    expect(configOf('').front).toEqual({
      gateways: [
        {
          name: 'gw-1',
          gatewayId: 0,
          udp: v4('127.0.0.1', 4000),
          tcp: v4('127.0.0.1', 4000),
          http: v4('127.0.0.1', 8080),
          weight: 1,
        },
      ],
      udpPort: 4000,
      udpBalancing: 'active',
      tcpPort: 4000,
      sharedPort: null,
      sharedInnerPort: 4433,
      httpPort: null,
      ipv6: true,
      serverName: '_',
      certificateFile: null,
      certificateKeyFile: null,
      websocketPath: '/kcp',
      loginPath: '/api/login',
      sessionTimeoutMs: 90_000,
      maxSessionsPerSource: 200,
      workers: 'auto',
      user: 'www-data',
      pidFile: '/run/nginx.pid',
      logDirectory: '/var/log/nginx',
      modules: [
        '/usr/lib/nginx/modules/ngx_stream_module.so',
        '/usr/lib/nginx/modules/ngx_stream_js_module.so',
      ],
      check: {
        intervalMs: 1000,
        timeoutMs: 300,
        rise: 2,
        fall: 2,
        maxLoad: null,
        reloadIntervalMs: 5000,
        includeDirectory: '/etc/nginx/kcpgate',
        testCommand: ['nginx', '-t'],
        reloadCommand: ['nginx', '-s', 'reload'],
        metricsAddress: null,
      },
    });
  });

  it('has no port of what this gateway alone does not have', () => {
    const text = (bind: string): string =>
      `common: { gateway_id: 7, node_id: n }\nlisteners: [{ name: a, type: kcp-udp, bind: '${bind}' }]`;
    expect(configOf(text('[::]:4100')).front).toMatchObject({
      gateways: [
        {
          name: 'n',
          gatewayId: 7,
          udp: { address: '::1', family: 6, port: 4100 },
          tcp: null,
          http: null,
        },
      ],
      udpPort: 4000,
      tcpPort: null,
    });
    for (const bind of ['127.0.0.1:0', '[fe80::1%lo]:4100'])
      expect(configOf(text(bind)).front).toMatchObject({ gateways: [], udpPort: null, tcpPort: null });
  });

  it('forgets clients later where sessions live longer', () => {
    expect(configOf('sessions: { idle_timeout: 1m }').front.sessionTimeoutMs).toBe(180_000);
    expect(configOf('listeners: [{ name: a, type: kcp-udp, idle_timeout: 1h }]').front.sessionTimeoutMs).toBe(
      3 * 3_600_000,
    );
  });

  it('reads every key, also from the environment', () => {
    const text = front(
      `gateways: [{ name: a, gateway_id: 1, udp: '[2001:db8::1]:1', tcp: '10.0.0.1:2', http: '10.0.0.1:3', weight: 4 }],
      udp_port: 1, udp_balancing: transparent, tcp_port: 2, shared_port: 3, shared_inner_port: 4, http_port: 6, ipv6: false,
      server_name: a.example, certificate_file: c.pem, certificate_key_file: k.pem, websocket_path: /w, login_path: /l/in,
      session_timeout: 2m, max_sessions_per_source: 5, workers: 2, user: nginx, pid_file: n.pid, log_directory: logs,
      modules: [/m], check: { interval: 2s, timeout: 1s, rise: 3, fall: 4, max_load: 200, reload_interval: 0s,
      include_directory: /srv/front/state, test_command: [a, b], reload_command: [c], metrics_addr: '127.0.0.1:9' }`,
    );
    expect(
      configOf(text, { env: { KCPGATE_FRONT_WORKERS: '3', KCPGATE_FRONT_CHECK_RELOAD_COMMAND: 'x,-y z' } })
        .front,
    ).toEqual({
      gateways: [
        {
          name: 'a',
          gatewayId: 1,
          udp: { address: '2001:db8::1', family: 6, port: 1 },
          tcp: v4('10.0.0.1', 2),
          http: v4('10.0.0.1', 3),
          weight: 4,
        },
      ],
      udpPort: 1,
      udpBalancing: 'transparent',
      tcpPort: 2,
      sharedPort: 3,
      sharedInnerPort: 4,
      httpPort: 6,
      ipv6: false,
      serverName: 'a.example',
      certificateFile: 'c.pem',
      certificateKeyFile: 'k.pem',
      websocketPath: '/w',
      loginPath: '/l/in',
      sessionTimeoutMs: 120_000,
      maxSessionsPerSource: 5,
      workers: 3,
      user: 'nginx',
      pidFile: 'n.pid',
      logDirectory: 'logs',
      modules: ['/m'],
      check: {
        intervalMs: 2000,
        timeoutMs: 1000,
        rise: 3,
        fall: 4,
        maxLoad: 200,
        reloadIntervalMs: 0,
        includeDirectory: '/srv/front/state',
        testCommand: ['a', 'b'],
        reloadCommand: ['x', '-y z'],
        metricsAddress: v4('127.0.0.1', 9),
      },
    });
  });
});

describe('what of it does not go together', () => {
  it.each([
    [
      front(`gateways: [${gateway(1)}, ${gateway(1)}]`),
      '1:82: front.gateways[1].name: the name "gw-1" is taken by front.gateways[0] (line 1)',
      '1:100: front.gateways[1].gateway_id: the gateway id 1 is taken by front.gateways[0] (line 1)',
      '1:108: front.gateways[1].udp: the address is taken by front.gateways[0] (line 1)',
    ],
    [
      front(`gateways: [${gateway(0)}, ${gateway(1)}]`),
      '1:47: front.gateways[0].gateway_id: must be 1 to 255 where there are other gateways, is 0',
    ],
    [
      front('gateways: [{ name: a, gateway_id: 1 }]'),
      '1:21: front.gateways[0]: one of udp, tcp and http is required',
    ],
    [
      front("gateways: [{ name: a, gateway_id: 1, tcp: '[fe80::1%eth0]:1' }]"),
      '1:52: front.gateways[0].tcp: nginx takes no address with a zone, as [fe80::1%eth0]:1 is',
    ],
    [
      front(`gateways: [${gateway(1)}], tcp_port: 4000`),
      '1:85: front.tcp_port: leads nowhere: no gateway has an address for tcp (null: no such server)',
    ],
    [
      front(`gateways: [${gateway(1)}], shared_port: 443, certificate_file: c, certificate_key_file: k`),
      '1:88: front.shared_port: leads nowhere: no gateway has an address for tcp or http (null: no such server)',
    ],
    [front('http_port: 4000'), '1:21: front.http_port: 4000 is front.tcp_port too, and both are TCP'],
    [
      front('shared_port: 4434, certificate_file: c, certificate_key_file: k'),
      '1:23: front.shared_inner_port: 4434 is front.shared_port too, and both are TCP',
    ],
    [
      front('shared_port: 443'),
      '1:23: front.certificate_file: is required with shared_port',
      '1:23: front.certificate_key_file: is required with shared_port',
    ],
    [front('certificate_file: c'), '1:28: front.certificate_key_file: is required with the other'],
    [
      front('session_timeout: 1m'),
      '1:27: front.session_timeout: must be more than twice the idle timeout of sessions (30s), is 1m',
    ],
    [
      front('check: { interval: 200ms }'),
      '1:17: front.check.timeout: must be less than the interval (200ms), is 300ms',
    ],
    [
      front('check: { include_directory: kcpgate }'),
      '1:38: front.check.include_directory: must be an absolute path, is "kcpgate"',
    ],
    [
      front('check: { include_directory: /etc/nginx/stream.d }'),
      '1:38: front.check.include_directory: "stream.d" cannot be its name: letters, digits, "_", "." and "-", and none of stream.d, http.d, njs, sysctl.d, systemd',
    ],
    [front('login_path: /kcp/1'), '1:22: front.login_path: "/kcp/1" is taken by websocket_path'],
    [
      front(
        `udp_balancing: transparent, gateways: [${gateway(1)}, { name: b, gateway_id: 2, udp: '[::2]:1' }]`,
      ),
      '1:25: front.udp_balancing: "transparent" takes gateways of one family: some have an IPv4 and some an IPv6 address',
    ],
    // What could break out of a line of nginx's configuration.
    [
      front('log_directory: "/var/log; include /etc/passwd"'),
      '1:25: front.log_directory: must be a path without white space, quotes and any of ; # $ { } \\, is "/var/log; include /etc/passwd"',
    ],
    [
      front('websocket_path: /kcp/'),
      '1:26: front.websocket_path: must be a path such as /kcp: of letters, digits, "_", "-", "." and "/", without / at its end, is "/kcp/"',
    ],
    [front('server_name: "a b"'), '1:23: front.server_name: must be a host name, or _, is "a b"'],
  ])('%s', (text, ...expected) => {
    expect(errorsOf(text)).toEqual(expected);
  });

  it('a gateway that nginx does not know is doubtful', () => {
    const text = (id: string): string => `${id}\n${front(`gateways: [${gateway(1)}, ${gateway(2)}]`)}`;
    expect(warningsOf(text('common: { gateway_id: 3 }'))).toEqual([
      '1:23: common.gateway_id: 3 is the id of no gateway in front.gateways: nginx leads nothing here',
    ]);
    expect(warningsOf(text('common: { gateway_id: 2 }'))).toEqual([]);
    // A file for nginx only.
    expect(warningsOf(text('common: {}'))).toEqual([]);
  });

  it('nothing, where the section is not written: who has no nginx may have any timeout', () => {
    const alone =
      "common: { node_id: a }\nsessions: { idle_timeout: 1h }\nlisteners: [{ name: r, type: http, bind: '127.0.0.1:0' }]";
    expect(errorsOf(alone)).toEqual([]);
    expect(
      errorsOf('sessions: { idle_timeout: 1m }', { env: { KCPGATE_FRONT_SESSION_TIMEOUT: '90s' } }),
    ).toEqual([
      'KCPGATE_FRONT_SESSION_TIMEOUT: front.session_timeout: must be more than twice the idle timeout of sessions (1m), is 90s',
    ]);
  });
});
