import { randomBytes } from 'node:crypto';
import { freePorts } from './free-ports.ts';
import {
  startLoginGateway,
  type LinePorts,
  type LoginGateway,
  type LoginGatewayOptions,
} from './login-gateway.ts';

/** Gateways with the same ticket key, each of which logs clients in to all, with all their lines. */
export interface LoginGateways {
  /** Gateway n has id n + 1; its lines are `udp-1`, `tcp-1`, `ws-1` and so on. */
  readonly gateways: readonly LoginGateway[];
  readonly loginUrls: readonly string[];
  /** Starts one again, on the same ports, as if its process had been started again. */
  restart(index: number): Promise<LoginGateway>;
  stop(): Promise<void>;
}

/** Starts so many on 127.0.0.1. @param options for each of them. */
export async function startLoginGateways(
  count: number,
  options: Omit<LoginGatewayOptions, 'id' | 'ports' | 'ticketKey'> = {},
): Promise<LoginGateways> {
  const ticketKey = randomBytes(32).toString('base64');
  const free = await freePorts(...Array.from({ length: 3 * count }, () => 1));
  const ports = Array.from({ length: count }, (_, index): LinePorts => {
    const [udp = 0, tcp = 0, ws = 0] = free.slice(3 * index);
    return { udp, tcp, ws };
  });
  const lines = ports.flatMap((line, index) =>
    Object.entries(line).map(
      ([transport, port]) =>
        `{ id: ${transport}-${String(index + 1)}, gateway_id: ${String(index + 1)}, transport: ${transport}, host: 127.0.0.1, port: ${String(port)} }`,
    ),
  );
  const start = (index: number): Promise<LoginGateway> => {
    const others = ports.map((_, other) => other + 1).filter((id) => id !== index + 1);
    const login = `gateways: [ ${others.join(', ')} ], lines: [ ${lines.join(', ')} ], ${options.login ?? ''}`;
    return startLoginGateway({
      ...options,
      id: index + 1,
      ticketKey,
      ports: ports[index]!,
      login,
    });
  };
  const gateways = await Promise.all(ports.map((_, index) => start(index)));
  return {
    gateways,
    loginUrls: gateways.map(({ loginUrl }) => loginUrl),
    restart: async (index) => (gateways[index] = await start(index)),
    stop: async () => {
      await Promise.all(gateways.map(({ gateway }) => gateway.stop()));
    },
  };
}
