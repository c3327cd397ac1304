import { formatSocketAddress } from '../../src/base/address.ts';
import type {
  GatewayConfig,
  ListenerConfig,
  RouteConfig,
  ServerConfig,
  UpstreamConfig,
} from '../../src/gateway/config/config.ts';
import { formatDuration, formatSize } from '../../src/gateway/config/units.ts';

/** A configuration in the names and units of the file. Loading it gives the same configuration again. */
export function configDocument(config: GatewayConfig): Record<string, unknown> {
  const { common } = config;
  return {
    common: {
      node_id: common.nodeId,
      log_level: common.logLevel,
      log_levels: common.logLevels,
      log_file: common.logFile,
      log_format: common.logFormat,
      drain_timeout: formatDuration(common.drainTimeoutMs),
      workers: common.workers,
    },
    listeners: config.listeners.map(listenerDocument),
    upstreams: Object.fromEntries(
      config.upstreams.filter(isWritten).map((upstream) => [upstream.name, upstreamDocument(upstream)]),
    ),
    routes: config.routes.map(routeDocument),
  };
}

function listenerDocument(listener: ListenerConfig): Record<string, unknown> {
  return {
    name: listener.name,
    type: listener.type,
    bind: formatSocketAddress(listener.bind),
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
  };
}

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
