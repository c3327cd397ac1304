import { isLoopback } from '../../../src/base/address.ts';
import type {
  FrontGatewayConfig,
  GatewayConfig,
  ListenerConfig,
} from '../../../src/gateway/config/config.ts';

/**
 * What does not fit between nginx and gateways, as far as this configuration tells: it may be that of a gateway or only name
 * them. One sentence each.
 */
export function frontNotes(config: GatewayConfig): string[] {
  const { front, common } = config;
  const own = front.gateways.find(({ gatewayId }) => gatewayId === common.gatewayId);
  return [
    ...unservedClients(config),
    ...front.gateways.flatMap((gateway) => samePorts(gateway, config)),
    ...(own === undefined ? [] : ownListeners(own, config)),
  ];
}

/** In transparent mode a datagram keeps its address, so that it cannot change its family. */
function unservedClients({ front }: GatewayConfig): string[] {
  const isIpv4 = front.gateways.some(({ udp }) => udp?.family === 4);
  if (front.udpBalancing !== 'transparent' || !front.ipv6 || !isIpv4) return [];
  return [
    'udp_balancing: transparent leads only clients with IPv4 to gateways with IPv4 addresses: over IPv6 there is no UDP',
  ];
}

/** nginx listens on all addresses, those of this host's gateways included. */
function samePorts({ name, udp, tcp, http }: FrontGatewayConfig, { front }: GatewayConfig): string[] {
  const pairs = [
    [udp, 'udp_port', [front.udpPort]],
    [tcp, 'tcp_port', [front.tcpPort, front.sharedPort, front.httpPort]],
    [http, 'http_port', [front.tcpPort, front.sharedPort, front.httpPort]],
  ] as const;
  return pairs.flatMap(([address, kind, ports]) => {
    if (address === null || !isLoopback(address.address) || !ports.includes(address.port)) return [];
    const transport = kind === 'udp_port' ? 'UDP' : 'TCP';
    return [
      `${name} has the ${transport} port ${address.port} of this host, which nginx wants, too: give one of them another`,
    ];
  });
}

/** Whether the gateway of this configuration expects what nginx sends. */
function ownListeners(own: FrontGatewayConfig, { listeners, front }: GatewayConfig): string[] {
  return listeners.flatMap((listener) => {
    const wanted = wantedProxyProtocol(listener, own, front.udpBalancing === 'transparent');
    if (wanted === undefined || !('proxyProtocol' in listener) || listener.proxyProtocol === wanted)
      return [];
    const { name, proxyProtocol } = listener;
    return [`listener ${name} has proxy_protocol: ${proxyProtocol}, but behind nginx it needs ${wanted}`];
  });
}

/** Undefined for a listener that nginx does not lead to. */
function wantedProxyProtocol(
  { type, bind }: ListenerConfig,
  own: FrontGatewayConfig,
  isTransparent: boolean,
): 'off' | 'proxy' | undefined {
  if (type === 'kcp-udp' && bind.port === own.udp?.port) return isTransparent ? 'off' : 'proxy';
  if (type === 'kcp-tcp' && bind.port === own.tcp?.port) return 'proxy';
  return type === 'http' && bind.port === own.http?.port ? 'off' : undefined;
}
