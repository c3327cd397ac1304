import * as z from 'zod';
import { optionalBindAddress, optionalPeerAddress } from './address-field.ts';
import { UDP_BALANCINGS } from './config.ts';
import {
  boolean,
  choice,
  duration,
  field,
  integer,
  integerOr,
  name,
  optionalInteger,
  plainText,
} from './field.ts';
import { HOUR, MINUTE, SECOND } from './magnitudes.ts';
import { nginxPath, nginxPaths, nginxUrlPath, optionalNginxPath } from './nginx-field.ts';

/** `session_timeout` of a configuration that does not say, unless sessions live longer. */
export const DEFAULT_SESSION_TIMEOUT_MS = 90 * SECOND;

/** `udp_port` and `tcp_port` of a configuration that does not say. */
export const DEFAULT_FRONT_PORT = 4000;

const gateway = z.strictObject({
  name: name('Name of the gateway, for logs and comments.'),
  gateway_id: integer(
    0,
    255,
    'Its `common.gateway_id`: datagrams whose `conv` has it as top byte go there. 0 is for a gateway alone.',
  ),
  udp: optionalPeerAddress('Its `kcp-udp` listener as nginx reaches it. null: it has none.').prefault(null),
  tcp: optionalPeerAddress('Its `kcp-tcp` listener.').prefault(null),
  http: optionalPeerAddress('Its `http` listener, which is without TLS.').prefault(null),
  weight: integer(1, 65_535, 'Share of new sessions.').prefault(1),
});

const port = (text: string) => optionalInteger(1, 65_535, `${text} null: there is no such server.`);

const command = (text: string) =>
  field(z.array(plainText(1, 4096, 'A word.')).min(1), {
    kind: 'words',
    type: 'list',
    range: 'program, ...',
    expects: 'a list of words, the first a program (as text: nginx,-t)',
    text,
  });

const check = z.strictObject({
  interval: duration(100, MINUTE, 'Every gateway is asked so often, by chance up to 10 % sooner.').prefault(
    '1s',
  ),
  timeout: duration(10, MINUTE, 'A check without an answer for so long has failed.').prefault('300ms'),
  rise: integer(1, 100, 'So many good checks in a row, and a gateway is up again.').prefault(2),
  fall: integer(1, 100, 'So many failed checks in a row, and a gateway is down.').prefault(2),
  max_load: optionalInteger(
    1,
    255,
    'A gateway whose load is above it gets no new sessions until it is below. null: the load does not matter.',
  ).prefault(null),
  reload_interval: duration(
    0,
    HOUR,
    'Least time from one reload of nginx to the next: each one re-creates all UDP sessions. The first one after a quiet time comes at once.',
  ).prefault('5s'),
  include_directory: nginxPath(
    'Absolute path of the folder whose files are rewritten. The folder above it is the one that the set is installed in.',
  ).prefault('/etc/nginx/kcpgate'),
  test_command: command('Says whether nginx takes what was written, by its exit code.').prefault([
    'nginx',
    '-t',
  ]),
  reload_command: command('Makes nginx read it.').prefault(['nginx', '-s', 'reload']),
  metrics_addr: optionalBindAddress(
    'IP address and port where the checker gives its metrics. null: nowhere.',
  ).prefault(null),
});

/** The section `front`: nginx in front of gateways. */
export const FRONT_SCHEMA = z.strictObject({
  gateways: field(z.array(gateway).min(1).max(256).nullable(), {
    kind: 'optional-text',
    type: 'list',
    range: 'at least one, null',
    expects: 'a list of gateways, or null',
    text: 'Gateways behind nginx. null: this one alone, at the addresses of its listeners.',
  }).prefault(null),
  udp_port: port('UDP port of nginx. Default: 4000 where a gateway has `udp`.').optional(),
  udp_balancing: choice(
    UDP_BALANCINGS,
    '`active`: `kcpgate upstream-check` says which gateways are up. `passive`: nginx notices by itself, late or never. `transparent`: as `active`, and datagrams keep the address of their client, which takes routes in the kernel.',
  ).prefault('active'),
  tcp_port: port('TCP port of nginx. Default: 4000 where a gateway has `tcp`.').optional(),
  shared_port: port(
    'One TCP port for datagrams over TCP, the same over TLS (ALPN `kcp-tcp`), login over https and `wss`.',
  ).prefault(null),
  shared_inner_port: integer(
    1,
    65_534,
    'TCP port of 127.0.0.1 between the parts of nginx behind `shared_port`; the one after it is taken, too.',
  ).prefault(4433),
  http_port: port(
    'TCP port for login and WebSocket over plain HTTP, for example behind another proxy.',
  ).prefault(null),
  ipv6: boolean('Whether nginx listens on IPv6, too.').prefault(true),
  server_name: field(z.string().regex(/^[\w.*-]{1,253}$/), {
    kind: 'text',
    type: 'host',
    range: 'name',
    expects: 'a host name, or _',
    text: '`server_name` of the HTTP servers; `_` is any.',
  }).prefault('_'),
  certificate_file: optionalNginxPath(
    'Certificate chain in PEM, as nginx finds it. Required with `shared_port`.',
  ).prefault(null),
  certificate_key_file: optionalNginxPath('Private key of the certificate, in PEM.').prefault(null),
  websocket_path: nginxUrlPath(
    'Path of the WebSocket, at nginx and at all gateways. With `/` and a gateway id behind it nginx leads to that gateway.',
  ).prefault('/kcp'),
  login_path: nginxUrlPath('Path of the login, at nginx and at all gateways.').prefault('/api/login'),
  session_timeout: duration(
    10 * SECOND,
    72 * HOUR,
    'nginx forgets a client from which and to which nothing goes for so long. More than twice `sessions.idle_timeout`. Default: `90s`, or three times the longest idle timeout when that is more.',
  ).optional(),
  max_sessions_per_source: integer(
    1,
    65_535,
    'Most UDP sessions, and as many TCP connections and HTTP connections, of one source IP address in each worker of nginx.',
  ).prefault(200),
  workers: integerOr(1, 512, 'auto', 'Worker processes of nginx; `auto`: one per processor.').prefault(
    'auto',
  ),
  user: name('User of the worker processes.').prefault('www-data'),
  pid_file: nginxPath('Where nginx writes its process id. Not absolute: below the prefix of nginx.').prefault(
    '/run/nginx.pid',
  ),
  log_directory: nginxPath('Where nginx writes its logs. Not absolute: below the prefix of nginx.').prefault(
    '/var/log/nginx',
  ),
  modules: nginxPaths(
    'Modules of nginx to load: that for streams, and njs for streams. Those that are built in need no loading.',
  ).prefault([
    '/usr/lib/nginx/modules/ngx_stream_module.so',
    '/usr/lib/nginx/modules/ngx_stream_js_module.so',
  ]),
  check: check.prefault({}),
});
