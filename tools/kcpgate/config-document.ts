import { formatIp, formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { Cidr } from '../../src/base/cidr.ts';
import type {
  CommonConfig,
  GatewayConfig,
  KcpUdpListenerConfig,
  LineListenerConfig,
  ListenerConfig,
  PeerConfig,
  RouteConfig,
  ServerConfig,
  SessionsConfig,
  StreamListenerConfig,
  UpstreamConfig,
} from '../../src/gateway/config/config.ts';
import { formatDuration, formatSize } from '../../src/gateway/config/units.ts';
import { frontDocument } from './front-document.ts';
import { loginDocument, SECRET } from './login-document.ts';

/**
 * A configuration in the names and units of the file. Loading it gives the same configuration again, unless it has secrets:
 * these are `***`.
 */
export function configDocument(config: GatewayConfig): Record<string, unknown> {
  return {
    common: commonDocument(config.common),
    listeners: config.listeners.map(listenerDocument),
    sessions: sessionsDocument(config.sessions),
    login: loginDocument(config.login),
    peers: config.peers.map(peerDocument),
    upstreams: Object.fromEntries(
      config.upstreams.filter(isWritten).map((upstream) => [upstream.name, upstreamDocument(upstream)]),
    ),
    routes: config.routes.map(routeDocument),
    front: frontDocument(config.front),
    qlog: qlogDocument(config.qlog),
  };
}

function qlogDocument(qlog: GatewayConfig['qlog']): Record<string, unknown> {
  if (qlog === null) return { directory: null };
  return {
    directory: qlog.directory,
    sessions: qlog.sessions,
    profile: qlog.profile,
    max_events: qlog.maxEvents,
    max_memory: formatSize(qlog.maxMemoryBytes),
    max_files: qlog.maxFiles,
    max_file_size: formatSize(qlog.maxFileBytes),
  };
}

function commonDocument(common: CommonConfig): Record<string, unknown> {
  return {
    node_id: common.nodeId,
    gateway_id: common.gatewayId,
    region: common.region,
    log_level: common.logLevel,
    log_levels: common.logLevels,
    log_file: common.logFile,
    log_format: common.logFormat,
    drain_timeout: formatDuration(common.drainTimeoutMs),
    workers: common.workers,
    admin_addr: addressText(common.adminAddress),
    admin_token: common.adminToken === null ? null : SECRET,
  };
}

function listenerDocument(listener: ListenerConfig): Record<string, unknown> {
  const head = { name: listener.name, type: listener.type, bind: formatSocketAddress(listener.bind) };
  switch (listener.type) {
    case 'kcp-udp':
      return { ...head, ...stockDocument(listener), ...lineDocument(listener) };
    case 'kcp-tcp':
      return { ...head, ...streamDocument(listener) };
    case 'http':
      return {
        ...head,
        websocket_path: listener.websocketPath,
        login_path: listener.loginPath,
        allowed_origins: listener.allowedOrigins,
        websocket_ping_interval: formatDuration(listener.websocketPingIntervalMs),
        ...streamDocument(listener),
      };
    case 'relay':
      return { ...head, socket_buffer: formatSize(listener.socketBufferBytes) };
  }
}

function stockDocument(listener: KcpUdpListenerConfig): Record<string, unknown> {
  return {
    allow_stock: listener.allowStock,
    preset: listener.preset,
    mtu: listener.mtu,
    send_window: listener.sendWindow,
    receive_window: listener.receiveWindow,
    idle_timeout: formatDuration(listener.idleTimeoutMs),
    dead_link: listener.deadLink,
    max_sessions: listener.maxSessions,
    max_sessions_per_source: listener.maxSessionsPerSource,
    new_sessions_per_second: listener.newSessionsPerSecond,
    new_sessions_per_source_per_second: listener.newSessionsPerSourcePerSecond,
    max_queue: formatSize(listener.maxQueueBytes),
    socket_buffer: formatSize(listener.socketBufferBytes),
    max_memory: formatSize(listener.maxMemoryBytes),
    proxy_protocol: listener.proxyProtocol,
    spp_reply: listener.sppReply,
  };
}

function lineDocument(listener: LineListenerConfig): Record<string, unknown> {
  const { publicAddress } = listener;
  return {
    trusted_proxies: listener.trustedProxies.map(blockText),
    allow_clear: listener.allowClear,
    early_data: listener.earlyData,
    public_address: publicAddress === null ? null : serverText(publicAddress),
    line: listener.line,
  };
}

function streamDocument(listener: StreamListenerConfig): Record<string, unknown> {
  const { tls } = listener;
  return {
    proxy_protocol: listener.proxyProtocol,
    ...lineDocument(listener),
    tls: tls === null ? null : { cert_file: tls.certificateFile, key_file: tls.keyFile },
    max_connections: listener.maxConnections,
    max_connections_per_source: listener.maxConnectionsPerSource,
    first_datagram_timeout: formatDuration(listener.firstDatagramTimeoutMs),
    max_queue: formatSize(listener.maxQueueBytes),
  };
}

function sessionsDocument(sessions: SessionsConfig): Record<string, unknown> {
  return {
    preset: sessions.preset,
    mtu: sessions.mtu,
    send_window: sessions.sendWindow,
    receive_window: sessions.receiveWindow,
    dead_link: sessions.deadLink,
    idle_timeout: formatDuration(sessions.idleTimeoutMs),
    max_message: formatSize(sessions.maxMessageBytes),
    max_sessions: sessions.maxSessions,
    max_sessions_per_source: sessions.maxSessionsPerSource,
    new_sessions_per_second: sessions.newSessionsPerSecond,
    new_sessions_per_source_per_second: sessions.newSessionsPerSourcePerSecond,
    max_half_open: sessions.maxHalfOpen,
    max_queue: formatSize(sessions.maxQueueBytes),
    copy_rate: formatSize(sessions.copyBytesPerSecond),
    max_memory: formatSize(sessions.maxMemoryBytes),
  };
}

function peerDocument({ name, type, address, gatewayId, region }: PeerConfig): Record<string, unknown> {
  return { name, type, address: formatSocketAddress(address), gateway_id: gatewayId, region };
}

function addressText(address: SocketAddress | null): string | null {
  return address === null ? null : formatSocketAddress(address);
}

function blockText({ family, bytes, prefixBits }: Cidr): string {
  return `${formatIp(bytes)}/${String(family === 4 ? prefixBits - MAPPED_BITS : prefixBits)}`;
}

/** Leading bits that IPv4 addresses have in common when they are written in 16 bytes. */
const MAPPED_BITS = 96;

/** A server that a route names by its address is no upstream of the file. */
function isWritten(upstream: UpstreamConfig): boolean {
  return !upstream.name.includes(':');
}

function upstreamDocument(upstream: UpstreamConfig): Record<string, unknown> {
  switch (upstream.type) {
    case 'echo':
      return { type: 'echo' };
    case 'tcp':
      return {
        type: 'tcp',
        servers: upstream.servers.map((server) => ({ address: serverText(server) })),
        connect_timeout: formatDuration(upstream.connectTimeoutMs),
        proxy_protocol: upstream.proxyProtocol,
      };
    case 'udp':
      return {
        type: 'udp',
        servers: upstream.servers.map((server) => ({ address: serverText(server) })),
      };
  }
}

function serverText({ host, port }: ServerConfig): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

function routeDocument({ name, match, target }: RouteConfig): Record<string, unknown> {
  return {
    name,
    match: {
      ...(match.port === null ? {} : { port: match.port }),
      ...(match.listener === null ? {} : { listener: match.listener }),
    },
    target,
  };
}
