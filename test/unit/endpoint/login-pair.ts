import { NO_LOG } from '../../../src/base/logger.ts';
import type { Carrier } from '../../../src/carrier/carrier.ts';
import type { SocketAddress } from '../../../src/base/address.ts';
import { Endpoint, type PortConfig } from '../../../src/endpoint/index.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import type { Path, Session, SessionCredentials, SessionObserver } from '../../../src/session/index.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import type { ConnectionLine } from '../../simulation/connection-line.ts';
import { PERFECT_PIPE } from '../../simulation/connection-pipe.ts';
import type { DatagramLine } from '../../simulation/datagram-line.ts';
import {
  MultiPathNetwork,
  onNetwork,
  type ConnectionPort,
  type SimulatedClient,
} from '../../simulation/multi-path-network.ts';
import type { SimulatedUdp } from '../../simulation/simulated-udp.ts';
import type { VirtualLoop } from '../../simulation/virtual-loop.ts';
import { RecordingSink } from '../session/session-pair.ts';
import { CountingCipher, TestGateway, testSessions, type TestGatewayOptions } from './login-gateway.ts';

export interface LoginPairOptions extends TestGatewayOptions {
  /** Of the gateway's lines. */
  readonly port?: Partial<PortConfig>;
  /** One way, in ms. Default 10. */
  readonly delayMs?: number;
  /** What differs on the client. */
  readonly client?: TestClientOptions;
}

export type TestClientOptions = Pick<TestGatewayOptions, 'kcp' | 'session' | 'pool' | 'stream' | 'tracer'> & {
  readonly earlyData?: boolean;
  readonly timeoutMs?: number;
};

/** A gateway's endpoint with a line for datagrams and one for connections, and clients with endpoints of their own. */
export class LoginPair {
  readonly network: MultiPathNetwork;
  readonly gateway: TestGateway;
  readonly udp: SimulatedUdp;
  readonly tcp: ConnectionPort;
  readonly clients: TestClient[] = [];
  readonly options: LoginPairOptions;

  constructor(network: MultiPathNetwork, options: LoginPairOptions = {}) {
    this.network = network;
    this.options = options;
    this.gateway = new TestGateway(network.loop, options);
    this.udp = network.openUdp();
    this.tcp = network.listen('tcp', { highWaterBytes: 16 * 1024 });
    this.gateway.attach(this.udp, options.port);
    this.gateway.attach(this.tcp.carrier, options.port);
    this.gateway.endpoint.start();
  }

  get loop(): VirtualLoop {
    return this.network.loop;
  }

  /** A client whose session is open, on a line of that kind. */
  open(kind: 'udp' | 'tcp', credentials?: SessionCredentials): TestClient {
    const client = this.client(credentials);
    client.dial(kind === 'udp' ? client.openUdp() : client.connect());
    this.loop.runFor(200);
    if (client.session.state !== 'open') throw new Error(`the session is ${client.session.state}`);
    return client;
  }

  /** A client that did nothing yet. */
  client(credentials = this.gateway.login()): TestClient {
    const client = new TestClient(this, credentials);
    this.clients.push(client);
    return client;
  }

  /** Everything that should be gone when all sessions are: empty when nothing is left. */
  leftovers(): Record<string, number> {
    const { gateway, clients } = this;
    const counts = {
      sessions: gateway.stats.openSessions + gateway.stats.lingeringSessions,
      halfOpen: gateway.stats.halfOpen,
      keys: gateway.cipher.slots.size,
      slots: gateway.sessions.pool.usedSlots,
      clientKeys: clients.reduce((sum, { cipher }) => sum + cipher.slots.size, 0),
      clientSlots: clients.reduce((sum, { pool }) => sum + pool.usedSlots, 0),
    };
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
  }
}

/** One client of a {@link LoginPair}. It goes where it is told, when the gateway has answered there. */
export class TestClient implements SessionObserver {
  readonly endpoint: Endpoint;
  readonly cipher = new CountingCipher();
  readonly credentials: SessionCredentials;
  readonly events: string[] = [];
  /** Port and round trip of each answer on the path in use. */
  readonly checks: string[] = [];
  readonly pool;
  /** What it does when the connection in use breaks. */
  onLost: () => void = () => undefined;
  session!: Session;
  sink!: RecordingSink;
  readonly #pair: LoginPair;
  readonly #host: SimulatedClient;
  readonly #config;
  #wanted: Path | undefined;

  constructor(pair: LoginPair, credentials: SessionCredentials) {
    this.#pair = pair;
    this.credentials = credentials;
    this.#host = pair.network.addClient();
    this.#config = testSessions({
      ...(pair.options.kcp === undefined ? {} : { kcp: pair.options.kcp }),
      ...pair.options.client,
      session: { lingerMs: 250, keepAliveMs: 10_000, ...pair.options.client?.session },
    });
    this.pool = this.#config.pool;
    const tracer = pair.options.client?.tracer;
    this.endpoint = new Endpoint(
      {
        clock: pair.loop,
        logger: NO_LOG,
        security: { crypto: createHandshakeCrypto(), cipher: this.cipher },
        ...(tracer === undefined ? {} : { tracer }),
      },
      { login: { ...this.#config, maxHalfOpen: 1 } },
    );
    this.endpoint.start();
  }

  openUdp(): DatagramLine {
    return this.#host.openUdp({ up: { ...PERFECT_LINK, delayMs: this.#pair.options.delayMs ?? 10 } });
  }

  connect(): ConnectionLine {
    const pipe = { ...PERFECT_PIPE, delayMs: this.#pair.options.delayMs ?? 10 };
    return this.#host.connect(this.#pair.tcp, { up: pipe, highWaterBytes: 16 * 1024 });
  }

  /** Begins the session on a line. */
  dial({ carrier }: DatagramLine | ConnectionLine): void {
    const {
      stream = this.#pair.options.stream ?? true,
      timeoutMs = 10_000,
      earlyData = false,
    } = this.#pair.options.client ?? {};
    const place = this.#attach(carrier);
    this.session = this.endpoint.dial({
      ...place,
      credentials: this.credentials,
      stream,
      timeoutMs,
      earlyData,
      observer: this,
      bind: (session) => (this.sink = new RecordingSink(session)),
    });
    carrier.release(place.slot);
  }

  /** Says HELLO on a line, too. */
  alsoOpen({ carrier }: DatagramLine | ConnectionLine): Path {
    const { port, slot } = this.#attach(carrier);
    const path = this.endpoint.tryOpening(this.session, port, slot);
    carrier.release(slot);
    return path;
  }

  /** Tries a line, and goes there when the gateway answers. */
  moveTo({ carrier }: DatagramLine | ConnectionLine): Path {
    const { port, slot } = this.#attach(carrier);
    this.#wanted = this.endpoint.tryPath(this.session, port, slot);
    carrier.release(slot);
    return this.#wanted;
  }

  /** Tries a line, and stays where it is. */
  tryOut({ carrier }: DatagramLine | ConnectionLine): Path {
    const { port, slot } = this.#attach(carrier);
    const path = this.endpoint.tryPath(this.session, port, slot);
    carrier.release(slot);
    return path;
  }

  send(text: string): number {
    return sendText(this.session, text);
  }

  pathValidated(path: Path): void {
    this.events.push(`validated ${String(path.port)}`);
    if (path === this.#wanted) this.session.moveTo(this.#pair.loop.now(), path);
  }
  pathChecked(path: Path, rttMs: number): void {
    this.checks.push(`${String(path.port)} ${String(rttMs)}`);
  }
  pathFailed(path: Path): void {
    this.events.push(`failed ${String(path.port)}`);
  }
  pathLost(path: Path): void {
    this.events.push(`lost ${String(path.port)}`);
    this.onLost();
  }
  moved(from: Path, to: Path): void {
    this.events.push(`moved ${String(from.port)} ${String(to.port)}`);
  }

  #attach(carrier: Carrier): { readonly port: number; readonly slot: number } {
    const port = this.endpoint.attach(carrier, {
      ...this.#config,
      name: `line ${carrier.kind}`,
      allowStock: false,
      closeWhenUnused: true,
    });
    const slot = carrier.intern(this.#addressOf(carrier));
    return { port, slot };
  }

  #addressOf(carrier: Carrier): SocketAddress {
    return carrier.connections === undefined ? this.#pair.udp.localAddress : this.#pair.tcp.address;
  }
}

/** Queues text; @returns what was taken. */
export function sendText(to: { send: Session['send'] }, text: string): number {
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  return to.send(bytes, 0, bytes.length);
}

/** Runs a test on a pair of its own; the timers of Node are the network's meanwhile. */
export function onLoginPair(options: LoginPairOptions, run: (pair: LoginPair) => void): void {
  onNetwork({ seed: 1, startMs: 5_000 }, (network) => {
    run(new LoginPair(network, options));
  });
}
