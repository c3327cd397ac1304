import { randomBytes } from 'node:crypto';
import { NO_LOG, type Logger } from '../../src/base/logger.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { startWorkerThread, type WorkerThread } from '../../src/gateway/workers/worker-thread.ts';
import { builtLibrary } from './built-library.ts';

/** Where a gateway with logins listens on loopback; 0: anywhere. */
export interface LinePorts {
  readonly udp: number;
  readonly tcp: number;
  readonly ws: number;
}

/** What a {@link LoginGateway} is made with; texts are pieces of YAML. */
export interface LoginGatewayOptions {
  /** Its number among gateways. Default 1. */
  readonly id?: number;
  /** Another gateway that it relays to and from, and the UDP ports of both for that. */
  readonly peer?: { readonly id: number; readonly port: number; readonly ownPort: number };
  /** Default: anywhere. */
  readonly ports?: LinePorts;
  /** Default: a random one. */
  readonly ticketKey?: string;
  /** More keys of the section `common`. Default: no admin API. */
  readonly common?: string;
  /** More keys of every listener. */
  readonly listeners?: string;
  /** The same for the UDP line. Default: as for the others. */
  readonly udpListener?: string;
  /** `tls` of two more listeners, whose lines are `tls` and `wss`. */
  readonly tls?: string;
  /** More keys of the section `sessions`. */
  readonly sessions?: string;
  /** More keys of the section `login`. */
  readonly login?: string;
  /** More sections. Default: none, which is an echo. */
  readonly rest?: string;
  readonly logger?: Logger;
  /**
   * So many worker threads; then the built library runs, because threads load compiled modules only. Default: what
   * `KCPGATE_TEST_WORKERS` says, or none.
   */
  readonly workers?: number;
  /** Puts itself between a worker thread and the gateway. Default: nothing does. */
  readonly wrapThread?: (thread: WorkerThread) => WorkerThread;
}

/** A gateway with lines over UDP, TCP and WebSocket, and a login on the port of the last. */
export interface LoginGateway {
  readonly gateway: Gateway;
  readonly loginUrl: string;
  readonly ports: LinePorts;
  readonly ticketKey: string;
  /** Every worker thread that was started, in order. */
  readonly threads: readonly WorkerThread[];
}

/** Starts one on 127.0.0.1. Its lines are called `udp`, `tcp` and `ws`. */
export async function startLoginGateway(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
  const {
    common = 'admin_addr: null',
    listeners = '',
    udpListener = listeners,
    tls,
    sessions = '',
    login = '',
    rest = '',
    logger = NO_LOG,
    wrapThread = (thread: WorkerThread) => thread,
    workers = Number(process.env.KCPGATE_TEST_WORKERS ?? 1),
  } = options;
  const {
    id = 1,
    peer,
    ports: wanted = { udp: 0, tcp: 0, ws: 0 },
    ticketKey = randomBytes(32).toString('base64'),
  } = options;
  const listener = (name: string, type: string, port: number, more = listeners): string =>
    `  - { name: ${name}, type: ${type}, bind: "127.0.0.1:${String(port)}", line: { id: ${name} }, ${more} }\n`;
  const library = workers > 1 ? await builtLibrary() : { loadConfig, startGateway, startWorkerThread };
  const loaded = library.loadConfig({
    text: `
common: { drain_timeout: 1s, gateway_id: ${String(id)}, workers: ${String(workers)}, ${common} }
listeners:
${listener('udp', 'kcp-udp', wanted.udp, udpListener)}${listener('tcp', 'kcp-tcp', wanted.tcp)}${listener('ws', 'http', wanted.ws)}
${tls === undefined ? '' : listener('tls', 'kcp-tcp', 0, tls) + listener('wss', 'http', 0, tls)}
${peer === undefined ? '' : relayTo(peer)}
sessions: { ${sessions} }
login: { ticket_keys: [ { id: 1, key: "${ticketKey}" } ], ${login} }
${rest}`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const threads: WorkerThread[] = [];
  const gateway = await library.startGateway(loaded.config, {
    logger,
    startThread: (start) => {
      const thread = wrapThread(library.startWorkerThread(start));
      threads.push(thread);
      return thread;
    },
  });
  const status = await gateway.status();
  const portOf = (name: string): number =>
    status.listeners.find((found) => found.name === name)?.address.port ?? 0;
  const ports = { udp: portOf('udp'), tcp: portOf('tcp'), ws: portOf('ws') };
  const loginUrl = `http://127.0.0.1:${String(ports.ws)}/api/login`;
  return { gateway, ports, ticketKey, loginUrl, threads };
}

function relayTo({ id, port, ownPort }: Exclude<LoginGatewayOptions['peer'], undefined>): string {
  return `  - { name: relay, type: relay, bind: "127.0.0.1:${String(ownPort)}" }
peers: [ { name: peer, type: gateway, address: "127.0.0.1:${String(port)}", gateway_id: ${String(id)} } ]`;
}
