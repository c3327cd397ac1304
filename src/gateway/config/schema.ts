import * as z from 'zod';
import { optionalBindAddress, peerAddress, serverAddress } from './address-field.ts';
import { LOG_FORMATS, LOG_LEVELS, UPSTREAM_PROXY_PROTOCOLS } from './config.ts';
import {
  choice,
  duration,
  entryName,
  field,
  integer,
  integerOr,
  name,
  optionalName,
  optionalPath,
  routeTarget,
  variant,
} from './field.ts';
import { FRONT_SCHEMA } from './front-schema.ts';
import { DEFAULT_BINDS, LISTENER_SCHEMA } from './listener-schema.ts';
import { LOGIN_SCHEMA } from './login-schema.ts';
import { HOUR, MINUTE, SECOND } from './magnitudes.ts';
import { QLOG_SCHEMA } from './qlog-schema.ts';
import { optionalFileToRead, optionalToken } from './secret-field.ts';
import { SESSIONS_SCHEMA } from './sessions-schema.ts';
import { formatDuration } from './units.ts';

/** Upstream types of this version. */
export const UPSTREAM_TYPES = ['echo', 'tcp', 'udp'] as const;
const UPSTREAM_TYPES_TEXT =
  '`echo` sends everything back. `tcp` opens one connection per session, for bytes; `udp` one socket, for messages.';
/** Peer types of this version. */
export const PEER_TYPES = ['gateway'] as const;

/** Connect timeout of upstreams that do not set one, in milliseconds. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 5 * SECOND;

/** Where the admin API listens unless the configuration says otherwise. */
export const DEFAULT_ADMIN_ADDRESS = '127.0.0.1:8888';

/** What a section holds when the configuration does not have it. */
export const DEFAULT_SECTIONS = {
  common: {},
  listeners: [
    { name: 'line-udp', type: 'kcp-udp', bind: DEFAULT_BINDS['kcp-udp'] },
    { name: 'line-tcp', type: 'kcp-tcp', bind: DEFAULT_BINDS['kcp-tcp'] },
    { name: 'http', type: 'http', bind: DEFAULT_BINDS.http },
  ],
  sessions: {},
  login: {},
  peers: [],
  upstreams: { demo: { type: 'echo' } },
  routes: [{ name: 'default', match: {}, target: 'demo' }],
  front: {},
  qlog: {},
} as const;

const common = z.strictObject({
  node_id: name('Name of this gateway in logs.').prefault('gw-1'),
  gateway_id: integer(
    0,
    255,
    'Number of this gateway among those that relay to each other; it is the top byte of the `conv` of its sessions. 0 is for a gateway without peers.',
  ).prefault(0),
  region: optionalName('Where this gateway is, as clients are told with its lines.').prefault(null),
  log_level: choice(LOG_LEVELS, 'Least severe level that is logged.').prefault('info'),
  log_levels: field(z.record(z.string(), z.enum(LOG_LEVELS)), {
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
  admin_addr: optionalBindAddress('IP address and port of the admin API. null: there is none.').prefault(
    DEFAULT_ADMIN_ADDRESS,
  ),
  admin_token: optionalToken(
    'What callers of the admin API have to show (`Authorization: Bearer`). Required unless `admin_addr` is a loopback address.',
  ).prefault(null),
  admin_token_file: optionalFileToRead('File that holds the token, instead of `admin_token`.').prefault(null),
});

const peer = z.strictObject({
  name: entryName('Name of the gateway, for logs and environment variables.'),
  type: variant('gateway', PEER_TYPES, '`gateway`: a kcpgate that relays, and is relayed to.'),
  address: peerAddress('IP address and UDP port of its `relay` listener. Its datagrams come from there too.'),
  gateway_id: integer(1, 255, 'Its `common.gateway_id`.'),
  region: optionalName('Its region.').prefault(null),
});

const echoUpstream = z.strictObject({
  type: variant('echo', UPSTREAM_TYPES, UPSTREAM_TYPES_TEXT),
});

const upstreamServers = field(
  z.array(z.strictObject({ address: serverAddress('Host name or IP address, and port.') })).min(1),
  {
    kind: 'servers',
    type: 'list',
    range: 'at least one',
    expects: 'a list of servers',
    text: 'Back ends (types `tcp` and `udp`).',
  },
);

const tcpUpstream = z.strictObject({
  type: variant('tcp', UPSTREAM_TYPES, UPSTREAM_TYPES_TEXT),
  servers: upstreamServers,
  connect_timeout: duration(
    100,
    5 * MINUTE,
    'How long connecting to a server may take (type `tcp`).',
  ).prefault(formatDuration(DEFAULT_CONNECT_TIMEOUT_MS)),
  proxy_protocol: choice(
    UPSTREAM_PROXY_PROTOCOLS,
    '`v2`: every connection begins with a PROXY protocol header that names the real address of the client (type `tcp`).',
  ).prefault('off'),
});

const udpUpstream = z.strictObject({
  type: variant('udp', UPSTREAM_TYPES, UPSTREAM_TYPES_TEXT),
  servers: upstreamServers,
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
    .array(LISTENER_SCHEMA)
    .min(1)
    .prefault([...DEFAULT_SECTIONS.listeners]),
  sessions: SESSIONS_SCHEMA.prefault({}),
  login: LOGIN_SCHEMA.prefault({}),
  peers: z.array(peer).prefault([]),
  upstreams: z
    .record(z.string(), z.discriminatedUnion('type', [echoUpstream, tcpUpstream, udpUpstream]))
    .prefault(DEFAULT_SECTIONS.upstreams),
  routes: z
    .array(route)
    .min(1)
    .prefault([...DEFAULT_SECTIONS.routes]),
  front: FRONT_SCHEMA.prefault({}),
  qlog: QLOG_SCHEMA.prefault({}),
});

/** A configuration of the right shape, in the names of the file; references between its parts are not checked. */
export type ConfigDocument = z.output<typeof CONFIG_SCHEMA>;

/** JSON Schema (draft 2020-12) of the configuration file, for editors and other tools. */
export function configSchemaJson(): Record<string, unknown> {
  return { ...z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' }) };
}
