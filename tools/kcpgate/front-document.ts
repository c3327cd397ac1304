import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { FrontCheckConfig, FrontConfig, FrontGatewayConfig } from '../../src/gateway/config/config.ts';
import { formatDuration } from '../../src/gateway/config/units.ts';

/** The section `front` in the names and units of the file. */
export function frontDocument(front: FrontConfig): Record<string, unknown> {
  return {
    // Without any it is written as it was: this gateway alone, which cannot be reached.
    gateways: front.gateways.length === 0 ? null : front.gateways.map(gatewayDocument),
    udp_port: front.udpPort,
    udp_balancing: front.udpBalancing,
    tcp_port: front.tcpPort,
    shared_port: front.sharedPort,
    shared_inner_port: front.sharedInnerPort,
    http_port: front.httpPort,
    ipv6: front.ipv6,
    server_name: front.serverName,
    certificate_file: front.certificateFile,
    certificate_key_file: front.certificateKeyFile,
    websocket_path: front.websocketPath,
    login_path: front.loginPath,
    session_timeout: formatDuration(front.sessionTimeoutMs),
    max_sessions_per_source: front.maxSessionsPerSource,
    workers: front.workers,
    user: front.user,
    pid_file: front.pidFile,
    log_directory: front.logDirectory,
    modules: front.modules,
    check: checkDocument(front.check),
  };
}

function gatewayDocument(gateway: FrontGatewayConfig): Record<string, unknown> {
  const { name, gatewayId, udp, tcp, http, weight } = gateway;
  return {
    name,
    gateway_id: gatewayId,
    udp: addressText(udp),
    tcp: addressText(tcp),
    http: addressText(http),
    weight,
  };
}

function checkDocument(check: FrontCheckConfig): Record<string, unknown> {
  return {
    interval: formatDuration(check.intervalMs),
    timeout: formatDuration(check.timeoutMs),
    rise: check.rise,
    fall: check.fall,
    max_load: check.maxLoad,
    reload_interval: formatDuration(check.reloadIntervalMs),
    include_directory: check.includeDirectory,
    test_command: check.testCommand,
    reload_command: check.reloadCommand,
    metrics_addr: addressText(check.metricsAddress),
  };
}

function addressText(address: SocketAddress | null): string | null {
  return address === null ? null : formatSocketAddress(address);
}
