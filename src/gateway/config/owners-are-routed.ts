import type { GatewayConfig } from './config.ts';

/**
 * Whether nginx in front of this gateway and others leads each datagram to the gateway that owns its session, while that one
 * is up.
 */
export function ownersAreRouted({ common, front }: GatewayConfig): boolean {
  return (
    front.udpBalancing !== 'passive' && front.gateways.some(({ gatewayId }) => gatewayId !== common.gatewayId)
  );
}
