import { NO_LOG, type Logger } from '../../src/base/logger.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { randomBytes } from 'node:crypto';

/** Where a gateway with logins listens on loopback; 0: anywhere. */
export interface LinePorts {
  readonly udp: number;
  readonly tcp: number;
  readonly http: number;
}

/** What a {@link LoginGateway} is made with; each a piece of YAML. */
export interface LoginGatewayOptions {
  /** More keys of every listener. */
  readonly listeners?: string;
  /** More keys of the section `sessions`. */
  readonly sessions?: string;
  /** More keys of the section `login`. */
  readonly login?: string;
  /** Everything after `login`. Default: an echo. */
  readonly rest?: string;
  /** To come back after a restart: the ports and the key of another. */
  readonly as?: LoginGateway;
  readonly logger?: Logger;
}

/** A gateway with lines over UDP, TCP and WebSocket, and a login on the port of the last. */
export interface LoginGateway {
  readonly gateway: Gateway;
  readonly loginUrl: string;
  readonly ports: LinePorts;
  readonly ticketKey: string;
}

/** Starts one on 127.0.0.1. The lines are called `udp`, `tcp` and `ws`. */
export async function startLoginGateway(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
  const { listeners = '', sessions = '', login = '', rest = '', as, logger = NO_LOG } = options;
  const wanted = as?.ports ?? { udp: 0, tcp: 0, http: 0 };
  const ticketKey = as?.ticketKey ?? randomBytes(32).toString('base64');
  const bind = (port: number): string => `bind: "127.0.0.1:${String(port)}"`;
  const loaded = loadConfig({
    text: `
common: { drain_timeout: 1s, gateway_id: 1, admin_addr: null }
listeners:
  - { name: udp, type: kcp-udp, ${bind(wanted.udp)}, line: { id: udp }, ${listeners} }
  - { name: tcp, type: kcp-tcp, ${bind(wanted.tcp)}, line: { id: tcp }, ${listeners} }
  - { name: http, type: http, ${bind(wanted.http)}, line: { id: ws }, ${listeners} }
sessions: { ${sessions} }
login: { ticket_keys: [ { id: 1, key: "${ticketKey}" } ], ${login} }
${rest}`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger });
  const status = await gateway.status();
  const portOf = (name: string): number =>
    status.listeners.find((listener) => listener.name === name)?.address.port ?? 0;
  const ports = { udp: portOf('udp'), tcp: portOf('tcp'), http: portOf('http') };
  return { gateway, ports, ticketKey, loginUrl: `http://127.0.0.1:${String(ports.http)}/api/login` };
}
