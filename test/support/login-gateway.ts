import { randomBytes } from 'node:crypto';
import { NO_LOG, type Logger } from '../../src/base/logger.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';

/** Where a gateway with logins listens on loopback; 0: anywhere. */
export interface LinePorts {
  readonly udp: number;
  readonly tcp: number;
  readonly ws: number;
}

/** What a {@link LoginGateway} is made with; texts are pieces of YAML. */
export interface LoginGatewayOptions {
  /** Default: anywhere. */
  readonly ports?: LinePorts;
  /** Default: a random one. */
  readonly ticketKey?: string;
  /** More keys of every listener. */
  readonly listeners?: string;
  /** `tls` of two more listeners, whose lines are `tls` and `wss`. */
  readonly tls?: string;
  /** More keys of the section `sessions`. */
  readonly sessions?: string;
  /** More keys of the section `login`. */
  readonly login?: string;
  /** More sections. Default: none, which is an echo. */
  readonly rest?: string;
  readonly logger?: Logger;
}

/** A gateway with lines over UDP, TCP and WebSocket, and a login on the port of the last. */
export interface LoginGateway {
  readonly gateway: Gateway;
  readonly loginUrl: string;
  readonly ports: LinePorts;
  readonly ticketKey: string;
}

/** Starts gateway 1 on 127.0.0.1. Its lines are called `udp`, `tcp` and `ws`. */
export async function startLoginGateway(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
  const { listeners = '', tls, sessions = '', login = '', rest = '', logger = NO_LOG } = options;
  const { ports: wanted = { udp: 0, tcp: 0, ws: 0 }, ticketKey = randomBytes(32).toString('base64') } =
    options;
  const listener = (name: string, type: string, port: number, more = listeners): string =>
    `  - { name: ${name}, type: ${type}, bind: "127.0.0.1:${String(port)}", line: { id: ${name} }, ${more} }\n`;
  const loaded = loadConfig({
    text: `
common: { drain_timeout: 1s, gateway_id: 1, admin_addr: null }
listeners:
${listener('udp', 'kcp-udp', wanted.udp)}${listener('tcp', 'kcp-tcp', wanted.tcp)}${listener('ws', 'http', wanted.ws)}
${tls === undefined ? '' : listener('tls', 'kcp-tcp', 0, tls) + listener('wss', 'http', 0, tls)}
sessions: { ${sessions} }
login: { ticket_keys: [ { id: 1, key: "${ticketKey}" } ], ${login} }
${rest}`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger });
  const status = await gateway.status();
  const portOf = (name: string): number =>
    status.listeners.find((found) => found.name === name)?.address.port ?? 0;
  const ports = { udp: portOf('udp'), tcp: portOf('tcp'), ws: portOf('ws') };
  return { gateway, ports, ticketKey, loginUrl: `http://127.0.0.1:${String(ports.ws)}/api/login` };
}
