import * as z from 'zod';
import { LOG_FORMATS, LOG_LEVELS, PRESETS } from './config.ts';
import {
  bindAddress,
  boolean,
  choice,
  described,
  duration,
  entryName,
  integer,
  integerOr,
  name,
  optionalPath,
  routeTarget,
  serverAddress,
  size,
  variant,
} from './field.ts';
import { formatDuration } from './units.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Listener types of this version. */
export const LISTENER_TYPES = ['kcp-udp'] as const;
/** Upstream types of this version. */
export const UPSTREAM_TYPES = ['echo', 'tcp'] as const;

/** Connect timeout of upstreams that do not set one, in milliseconds. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 5 * SECOND;

/** What a section holds when the configuration does not have it. */
export const DEFAULT_SECTIONS = {
  common: {},
  listeners: [{ name: 'line-udp', type: 'kcp-udp', bind: '0.0.0.0:4000' }],
  upstreams: { demo: { type: 'echo' } },
  routes: [{ name: 'default', match: {}, target: 'demo' }],
} as const;

const common = z.strictObject({
  node_id: name('Name of this gateway in logs.').prefault('gw-1'),
  log_level: choice(LOG_LEVELS, 'Least severe level that is logged.').prefault('info'),
  log_levels: described(z.record(z.string(), z.enum(LOG_LEVELS)), {
    kind: 'levels',
    type: 'map',
    range: 'component: level',
    expects: 'a map of component to level (as text: endpoint=debug,upstream=warn)',
    text: 'Levels of single components, as `{ endpoint: debug }`.',
  }).prefault({}),
  log_file: optionalPath(
    'File that log records are appended to; created when missing. null is standard output.',
  ).prefault(null),
  log_format: choice(LOG_FORMATS, '`json`: one object a line. `text`: one line for people.').prefault('json'),
  drain_timeout: duration(
    0,
    HOUR,
    'How long a shutdown waits for queued data before sessions are closed.',
  ).prefault('10s'),
  workers: integerOr(
    1,
    64,
    'auto',
    'Threads that serve sessions, each on its own socket per listener; `auto`: one per processor. More than one needs the native addon on Linux.',
  ).prefault(1),
});

const kcpUdpListener = z.strictObject({
  name: entryName('Name of the listener, for routes, logs and environment variables.'),
  type: variant('kcp-udp', LISTENER_TYPES, '`kcp-udp`: KCP over UDP.'),
  bind: bindAddress(
    'IP address and port to listen on. `[::]` takes IPv6 and IPv4; port 0 lets the system choose.',
  ).prefault('0.0.0.0:4000'),
  allow_stock: boolean(
    'Whether stock KCP peers (C reference, kcp-go), which do not log in, may connect.',
  ).prefault(true),
  preset: choice(
    PRESETS,
    'KCP timing: update interval 100, 40, 30, 20 and 10 ms, from `default` to `fast3`; `default` has congestion control and no fast resend, all others the opposite.',
  ).prefault('fast3'),
  mtu: integer(
    576,
    1500,
    'Largest datagram sent, in bytes of UDP payload. Above 1472 (IPv6: 1452) Ethernet needs two packets for one.',
  ).prefault(1400),
  send_window: integer(1, 65_535, 'Most segments in flight towards one peer.').prefault(1024),
  receive_window: integer(
    1,
    65_535,
    'Most segments held for one peer while the upstream is slow or a gap is open.',
  ).prefault(1024),
  idle_timeout: duration(
    SECOND,
    24 * HOUR,
    'A session from which nothing arrives for so long is closed.',
  ).prefault('30s'),
  dead_link: integer(1, 1000, 'A session is closed when one segment was sent so many times.').prefault(20),
  max_sessions: integer(1, 1_000_000, 'Most sessions at a time.').prefault(10_000),
  max_sessions_per_source: integer(
    1,
    1_000_000,
    'Most sessions at a time from one source IP address.',
  ).prefault(1000),
  new_sessions_per_second: integer(1, 1_000_000, 'Most new sessions a second from all sources.').prefault(
    1000,
  ),
  new_sessions_per_source_per_second: integer(
    1,
    1_000_000,
    'Most new sessions a second from one source IP address.',
  ).prefault(50),
  max_queue: size(
    64 * KIB,
    GIB,
    'Most bytes queued towards one peer; at that point reading from its upstream stops.',
  ).prefault('4MiB'),
  socket_buffer: size(
    64 * KIB,
    GIB,
    'Kernel buffer asked for, for each direction. The kernel may give less (`net.core.rmem_max`, `net.core.wmem_max`).',
  ).prefault('4MiB'),
  max_memory: size(MIB, 1024 * GIB, 'Memory for the segments of all sessions of this listener.').prefault(
    '512MiB',
  ),
});

const echoUpstream = z.strictObject({
  type: variant(
    'echo',
    UPSTREAM_TYPES,
    '`echo` sends everything back. `tcp` opens one connection per session.',
  ),
});

const tcpUpstream = z.strictObject({
  type: variant(
    'tcp',
    UPSTREAM_TYPES,
    '`echo` sends everything back. `tcp` opens one connection per session.',
  ),
  servers: described(
    z.array(z.strictObject({ address: serverAddress('Host name or IP address, and port.') })).min(1),
    {
      kind: 'servers',
      type: 'list',
      range: 'at least one',
      expects: 'a list of servers',
      text: 'Back ends (type `tcp`).',
    },
  ),
  connect_timeout: duration(
    100,
    5 * MINUTE,
    'How long connecting to a server may take (type `tcp`).',
  ).prefault(formatDuration(DEFAULT_CONNECT_TIMEOUT_MS)),
});

const route = z.strictObject({
  name: entryName('Name of the route, for logs and environment variables.'),
  match: z
    .strictObject({
      port: integer(1, 65_535, 'Only sessions of listeners bound to this port.').optional(),
      listener: name('Only sessions of the listener with this name.').optional(),
    })
    .prefault({}),
  target: routeTarget('Where the sessions go: the name of an upstream, or host:port of a TCP server.'),
});

/** The configuration file: the one place that says which keys exist, with their types, ranges and defaults. */
export const CONFIG_SCHEMA = z.strictObject({
  common: common.prefault({}),
  listeners: z
    .array(kcpUdpListener)
    .min(1)
    .prefault([...DEFAULT_SECTIONS.listeners]),
  upstreams: z
    .record(z.string(), z.discriminatedUnion('type', [echoUpstream, tcpUpstream]))
    .prefault(DEFAULT_SECTIONS.upstreams),
  routes: z
    .array(route)
    .min(1)
    .prefault([...DEFAULT_SECTIONS.routes]),
});

/** A configuration of the right shape, in the names of the file; references between its parts are not checked. */
export type ConfigDocument = z.output<typeof CONFIG_SCHEMA>;

/** JSON Schema (draft 2020-12) of the configuration file, for editors and other tools. */
export function configSchemaJson(): Record<string, unknown> {
  return { ...z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' }) };
}
