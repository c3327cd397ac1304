import type { SocketAddress } from '../../base/address.ts';
import type { FrontConfig, FrontGatewayConfig } from './config.ts';
import { DEFAULT_FRONT_PORT, DEFAULT_SESSION_TIMEOUT_MS } from './front-schema.ts';
import type { ConfigDocument } from './schema.ts';

/** The section `front`. */
export function resolveFront(document: ConfigDocument): FrontConfig {
  const { front } = document;
  const { check } = front;
  const gateways = frontGateways(document);
  const defaultPort = (kind: 'udp' | 'tcp'): number | null =>
    gateways.some((gateway) => gateway[kind] !== null) ? DEFAULT_FRONT_PORT : null;
  return {
    gateways,
    udpPort: front.udp_port === undefined ? defaultPort('udp') : front.udp_port,
    udpBalancing: front.udp_balancing,
    tcpPort: front.tcp_port === undefined ? defaultPort('tcp') : front.tcp_port,
    sharedPort: front.shared_port,
    sharedInnerPort: front.shared_inner_port,
    httpPort: front.http_port,
    ipv6: front.ipv6,
    serverName: front.server_name,
    certificateFile: front.certificate_file,
    certificateKeyFile: front.certificate_key_file,
    websocketPath: front.websocket_path,
    loginPath: front.login_path,
    sessionTimeoutMs: front.session_timeout ?? defaultSessionTimeoutMs(document),
    maxSessionsPerSource: front.max_sessions_per_source,
    workers: front.workers,
    user: front.user,
    pidFile: front.pid_file,
    logDirectory: front.log_directory,
    modules: front.modules,
    check: {
      intervalMs: check.interval,
      timeoutMs: check.timeout,
      rise: check.rise,
      fall: check.fall,
      maxLoad: check.max_load,
      reloadIntervalMs: check.reload_interval,
      includeDirectory: check.include_directory,
      testCommand: check.test_command,
      reloadCommand: check.reload_command,
      metricsAddress: check.metrics_addr,
    },
  };
}

/** The gateways behind nginx: those that are listed, or this one at the first listener of each kind, if it has one. */
function frontGateways({ front, listeners, common }: ConfigDocument): readonly FrontGatewayConfig[] {
  if (front.gateways !== null) {
    return front.gateways.map(({ gateway_id: gatewayId, ...others }) => ({ gatewayId, ...others }));
  }
  const addressOf = (type: 'kcp-udp' | 'kcp-tcp' | 'http'): SocketAddress | null => {
    const bind = listeners.find((listener) => listener.type === type)?.bind;
    const isFixed = bind !== undefined && bind.port !== 0 && !bind.address.includes('%');
    return isFixed ? reachable(bind) : null;
  };
  const [udp, tcp, http] = [addressOf('kcp-udp'), addressOf('kcp-tcp'), addressOf('http')];
  if (udp === null && tcp === null && http === null) return [];
  return [{ name: common.node_id, gatewayId: common.gateway_id, udp, tcp, http, weight: 1 }];
}

/** How long a session lives without a sign of its client, at most, in milliseconds. */
export function longestIdleTimeoutMs({ sessions, listeners }: ConfigDocument): number {
  const stock = listeners.flatMap((listener) => (listener.type === 'kcp-udp' ? [listener.idle_timeout] : []));
  return Math.max(sessions.idle_timeout, ...stock);
}

function defaultSessionTimeoutMs(document: ConfigDocument): number {
  return Math.max(DEFAULT_SESSION_TIMEOUT_MS, 3 * longestIdleTimeoutMs(document));
}

/** What is bound to any address is reached at that of this host. */
function reachable({ address, family, port }: SocketAddress): SocketAddress {
  if (address === '0.0.0.0') return { address: '127.0.0.1', family, port };
  return address === '::' ? { address: '::1', family, port } : { address, family, port };
}
