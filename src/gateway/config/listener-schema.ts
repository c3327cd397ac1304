import * as z from 'zod';
import {
  addressBlocks,
  bindAddress,
  optionalServerAddress,
  optionalUrlPath,
  origins,
} from './address-field.ts';
import { PRESETS, STREAM_PROXY_PROTOCOLS, UDP_PROXY_PROTOCOLS } from './config.ts';
import { boolean, choice, duration, entryName, integer, name, size, variant } from './field.ts';
import { GIB, HOUR, KIB, MIB, MINUTE, SECOND } from './magnitudes.ts';
import { fileToRead } from './secret-field.ts';

/** Listener types of this version. */
export const LISTENER_TYPES = ['kcp-udp', 'kcp-tcp', 'http', 'relay'] as const;

/** Address of listeners that do not say. */
export const DEFAULT_BINDS = {
  'kcp-udp': '0.0.0.0:4000',
  'kcp-tcp': '0.0.0.0:4000',
  http: '0.0.0.0:8080',
} as const;

/** Sources that are believed about a client's address unless a listener says otherwise: this host. */
const THIS_HOST = ['127.0.0.1/32', '::1/128'];

const TYPE_TEXT =
  '`kcp-udp`: KCP over UDP. `kcp-tcp`: the same datagrams over TCP or TLS. `http`: login, and the same datagrams in WebSocket messages. `relay`: datagrams from other gateways.';

const type = <const T extends (typeof LISTENER_TYPES)[number]>(value: T) =>
  variant(value, LISTENER_TYPES, TYPE_TEXT);

const nameOfListener = () => entryName('Name of the listener, for routes, logs and environment variables.');

/** What all lines have beside name, type and address. */
const lineKeys = () => ({
  trusted_proxies: addressBlocks(
    'Sources whose word on the address of a client is taken: in headers of `proxy_protocol`, address blocks of datagrams, and `X-Forwarded-For` of HTTP.',
  ).prefault([...THIS_HOST]),
  allow_clear: boolean(
    'Whether sessions without seal may use this line although it is not confidential itself. Lines with `tls` are.',
  ).prefault(false),
  early_data: boolean(
    'Whether data inside of the first datagram of a handshake is taken. It is held until the client has shown that it got the answer, so a recorded one does nothing.',
  ).prefault(false),
  public_address: optionalServerAddress(
    'Host and port that clients are told. null: the port of `bind`, and its address or, when that is any address, the host that the login was sent to.',
  ).prefault(null),
  line: z
    .strictObject({
      id: name('Id of the line. Default: the name of the listener.').optional(),
      priority: integer(0, 65_535, 'Clients prefer lines of a lower priority.').prefault(0),
      weight: integer(0, 65_535, 'Share of the line among those of the same priority.').prefault(100),
    })
    .nullable()
    .prefault({}),
});

/** What lines of connections have beside that. */
const streamKeys = () => ({
  proxy_protocol: choice(
    STREAM_PROXY_PROTOCOLS,
    '`proxy`: connections from `trusted_proxies` begin with a header of the PROXY protocol, version 1 or 2.',
  ).prefault('off'),
  ...lineKeys(),
  tls: z
    .strictObject({
      cert_file: fileToRead('Certificate chain in PEM. With `tls: null`, the default, there is no TLS.'),
      key_file: fileToRead('Private key of the first certificate, in PEM, without a password.'),
    })
    .nullable()
    .prefault(null),
  max_connections: integer(1, 1_000_000, 'Most connections at a time.').prefault(10_000),
  max_connections_per_source: integer(
    1,
    1_000_000,
    'Most connections at a time from one source IP address.',
  ).prefault(1000),
  first_datagram_timeout: duration(
    100,
    MINUTE,
    'A connection that brings no valid datagram for so long is closed.',
  ).prefault('5s'),
  max_queue: size(64 * KIB, GIB, 'Most bytes that wait to be sent on one connection.').prefault('4MiB'),
});

const socketBuffer = () =>
  size(
    64 * KIB,
    GIB,
    'Kernel buffer asked for, for each direction. The kernel may give less (`net.core.rmem_max`, `net.core.wmem_max`).',
  ).prefault('4MiB');

const kcpUdp = z.strictObject({
  name: nameOfListener(),
  type: type('kcp-udp'),
  bind: bindAddress(
    'IP address and port to listen on. `[::]` takes IPv6 and IPv4; port 0 lets the system choose.',
  ).prefault(DEFAULT_BINDS['kcp-udp']),
  allow_stock: boolean(
    'Whether stock KCP peers (C reference, kcp-go), which do not log in, may connect. The limits from `preset` to `max_queue`, and `max_memory`, are theirs.',
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
  socket_buffer: socketBuffer(),
  max_memory: size(
    MIB,
    1024 * GIB,
    'Memory for the segments of all stock sessions of this listener.',
  ).prefault('512MiB'),
  proxy_protocol: choice(
    UDP_PROXY_PROTOCOLS,
    'Header that datagrams from `trusted_proxies` may begin with: `proxy`: PROXY protocol, version 1 or 2; `spp`: Simple Proxy Protocol.',
  ).prefault('off'),
  spp_reply: boolean(
    'Whether datagrams to such a proxy begin with a header too (`proxy_protocol: spp`).',
  ).prefault(false),
  ...lineKeys(),
});

const kcpTcp = z.strictObject({
  name: nameOfListener(),
  type: type('kcp-tcp'),
  bind: bindAddress(
    'IP address and port to listen on. `[::]` takes IPv6 and IPv4; port 0 lets the system choose. UDP and TCP can have the same.',
  ).prefault(DEFAULT_BINDS['kcp-tcp']),
  ...streamKeys(),
});

const http = z.strictObject({
  name: nameOfListener(),
  type: type('http'),
  bind: bindAddress(
    'IP address and port to listen on. `[::]` takes IPv6 and IPv4; port 0 lets the system choose.',
  ).prefault(DEFAULT_BINDS.http),
  websocket_path: optionalUrlPath('Path of the WebSocket line. null: this listener is no line.').prefault(
    '/kcp',
  ),
  login_path: optionalUrlPath('Path of the login. null: nobody logs in here.').prefault('/api/login'),
  allowed_origins: origins(
    'Origins of the pages that may open a WebSocket or log in. Clients that are no browsers send none and are let in.',
  ).prefault('*'),
  websocket_ping_interval: duration(
    SECOND,
    HOUR,
    'A quiet WebSocket is pinged so often; one that does not answer by the next time is closed.',
  ).prefault('20s'),
  ...streamKeys(),
});

const relay = z.strictObject({
  name: nameOfListener(),
  type: type('relay'),
  bind: bindAddress(
    'IP address and UDP port that other gateways send to. Datagrams from any address but those of `peers` are dropped.',
  ),
  socket_buffer: socketBuffer(),
});

/** An entry of `listeners`. */
export const LISTENER_SCHEMA = z.discriminatedUnion('type', [kcpUdp, kcpTcp, http, relay]);
