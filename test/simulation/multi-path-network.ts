import type { SocketAddress } from '../../src/base/address.ts';
import { CloseCode } from '../../src/base/close-code.ts';
import { GatewayError } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { CarrierKind } from '../../src/carrier/carrier.ts';
import { ConnectionLimits } from '../../src/carrier/connection-limits.ts';
import { createClientCarrier, type ClientCarrier } from '../../src/carrier/node/client-carrier.ts';
import { ConnectionCarrier } from '../../src/carrier/node/connection-carrier.ts';
import {
  resolveConnectionConfig,
  resolveConnectionServerConfig,
  SLOTS_PER_CONNECTION,
  type ConnectionOptions,
  type ConnectionServerOptions,
} from '../../src/carrier/node/connection-options.ts';
import { ReceiveSlab } from '../../src/carrier/receive-slab.ts';
import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { ConnectionLine } from './connection-line.ts';
import { ConnectionPipe, PERFECT_PIPE, type PipeProfile } from './connection-pipe.ts';
import { DatagramLine, type NatMapping } from './datagram-line.ts';
import { CONNECTION_SLAB_BYTES, SimulatedConnection } from './simulated-connection.ts';
import { SimulatedUdp, type DatagramRouter, type SimulatedUdpOptions } from './simulated-udp.ts';
import { VirtualLoop } from './virtual-loop.ts';

/** Where a gateway takes connections. */
export interface ConnectionPort {
  readonly carrier: ConnectionCarrier;
  readonly address: SocketAddress;
  /** Its process dies: every connection is reset, nobody is told from here, and the address is free. */
  crash(): void;
}

/** Both directions of a {@link DatagramLine}. */
export interface DatagramLineOptions extends SimulatedUdpOptions {
  /** Default: a link that does nothing. */
  readonly up?: LinkProfile;
  /** Default: the same as `up`. */
  readonly down?: LinkProfile;
  /** false: the socket's own address is the one that the gateway sees at first. Default true. */
  readonly nat?: boolean;
}

/** Both directions of a {@link ConnectionLine}. */
export interface ConnectionLineOptions extends ConnectionOptions {
  /** Default: a pipe that does nothing. */
  readonly up?: PipeProfile;
  /** Default: the same as `up`. */
  readonly down?: PipeProfile;
}

/** Sets up a network whose loop is in the place of the timers, and puts those back when `run` has returned. */
export function onNetwork<Result>(
  options: { readonly seed: number; readonly startMs?: number },
  run: (network: MultiPathNetwork) => Result,
): Result {
  const network = new MultiPathNetwork(options.seed, options.startMs);
  const restore = network.loop.install();
  try {
    return run(network);
  } finally {
    restore();
  }
}

/**
 * A network within the process, under a virtual loop and from one seed: a gateway with ports for datagrams and for
 * connections, and clients that reach them over lines of their own, several at once if they like. Every end is a real
 * {@link Carrier}, so that endpoints run on it unchanged.
 *
 * Everything happens in {@link loop}. Carriers of connections use timers: make and run them while it is installed, see
 * {@link onNetwork}.
 */
export class MultiPathNetwork {
  readonly loop: VirtualLoop;
  /** Datagrams for addresses at which nobody is. */
  unreachable = 0;

  readonly #random: SeededRandom;
  readonly #slab = new ReceiveSlab(CONNECTION_SLAB_BYTES, 256);
  readonly #sockets = new Map<string, SimulatedUdp>();
  readonly #lines = new Map<SimulatedUdp, DatagramLine>();
  readonly #mappings = new Map<string, NatMapping>();
  readonly #ports = new Map<string, Listener>();
  #clients = 0;
  #hosts = 0;
  #lastPort = 4000;

  /** @param startMs the first reading of the clock. */
  constructor(seed: number, startMs = 0) {
    this.loop = new VirtualLoop(startMs);
    this.#random = new SeededRandom(seed);
  }

  /** A socket of the gateway. @param port default: the next free one. */
  openUdp(options: SimulatedUdpOptions = {}, port = this.#nextPort()): SimulatedUdp {
    const address = gatewayAddress(port);
    const key = keyOf(address.address, port);
    if (this.#sockets.has(key)) throw new Error(`${key} is in use`);
    const carrier = new SimulatedUdp(this.loop, this.#router, address, options);
    this.#sockets.set(key, carrier);
    return carrier;
  }

  /** A place where the gateway takes connections. @param port default: the next free one. */
  listen(
    kind: Extract<CarrierKind, 'tcp' | 'ws'>,
    options: ConnectionServerOptions = {},
    port = this.#nextPort(),
  ): ConnectionPort {
    const address = gatewayAddress(port);
    const key = keyOf(address.address, port);
    if (this.#ports.has(key)) throw new Error(`${key} is in use`);
    const listener = new Listener(kind, address, withSmallArena(options), this.loop, this.#slab, () => {
      if (this.#ports.get(key) === listener) this.#ports.delete(key);
    });
    this.#ports.set(key, listener);
    return listener;
  }

  /** A host at an address of its own. Its lines share nothing else: what becomes of each is for the caller. */
  addClient(): SimulatedClient {
    const number = ++this.#clients;
    let host = this.#nextHost();
    return {
      openUdp: (options = {}) => this.#openLine(number, host, options),
      connect: (port, options = {}) => this.#connect(host, port, options),
      changeHost: () => {
        host = this.#nextHost();
      },
    };
  }

  #openLine(client: number, firstHost: string, options: DatagramLineOptions): DatagramLine {
    const port = this.#nextPort();
    const address = options.nat === false ? firstHost : `192.168.${client >> 8}.${client & 255}`;
    const carrier = new SimulatedUdp(this.loop, this.#router, { address, family: 4, port }, options);
    let host = firstHost;
    let nextPort = port;
    const line: DatagramLine = new DatagramLine({
      loop: this.loop,
      carrier,
      up: options.up ?? PERFECT_LINK,
      down: options.down ?? options.up ?? PERFECT_LINK,
      upRandom: this.#nextRandom(),
      downRandom: this.#nextRandom(),
      map: (owner, newHost) => {
        if (newHost) host = this.#nextHost();
        const mapping: NatMapping = { text: host, port: nextPort, line: owner, isLive: true };
        nextPort = this.#nextPort();
        this.#mappings.set(keyOf(mapping.text, mapping.port), mapping);
        return mapping;
      },
      arrive: (datagram, from, text, port) => {
        this.#arrive(datagram, from.text, from.port, text, port);
      },
    });
    this.#lines.set(carrier, line);
    return line;
  }

  #connect(
    host: string,
    port: ConnectionPort | SocketAddress,
    options: ConnectionLineOptions,
  ): ConnectionLine {
    const remote = 'carrier' in port ? port.address : port;
    const key = keyOf(remote.address, remote.port);
    const listener = this.#ports.get(key);
    if (listener === undefined) throw new GatewayError('connect_failed', `nobody listens at ${key}`);
    const upProfile = options.up ?? PERFECT_PIPE;
    const up = new ConnectionPipe(this.loop, this.#nextRandom(), upProfile);
    const down = new ConnectionPipe(this.loop, this.#nextRandom(), options.down ?? upProfile);
    const local: SocketAddress = { address: host, family: 4, port: this.#nextPort() };
    const ends: { client?: SimulatedConnection } = {};
    const config = resolveConnectionConfig(withSmallArena(options));
    const { kind } = listener.carrier;
    const carrier: ClientCarrier = createClientCarrier(
      { kind, headBytes: 0, minDatagramBytes: kind === 'tcp' ? 1 : 0 },
      local,
      remote,
      config,
      (own) => (ends.client = new SimulatedConnection(own, this.loop, up, down, this.#slab)),
    );
    const line = new ConnectionLine(this.loop, carrier, ends.client!, up, down);
    if (!listener.accept(line, local, down, up)) line.breakDown({ clientAfterMs: 2 * upProfile.delayMs });
    return line;
  }

  readonly #router: DatagramRouter = {
    route: (from, text, port, bytes, offset, length) => {
      const line = this.#lines.get(from);
      if (line !== undefined) {
        line.sendUp(text, port, bytes, offset, length);
        return;
      }
      const { address, port: fromPort } = from.localAddress;
      const mapping = this.#mappings.get(keyOf(text, port));
      if (mapping !== undefined) {
        mapping.line.sendDown(mapping, address, fromPort, bytes, offset, length);
        return;
      }
      // Between the gateway's own ports nothing is lost.
      this.#arrive(bytes.slice(offset, offset + length), address, fromPort, text, port);
    },
    unbind: (carrier) => {
      const { address, port } = carrier.localAddress;
      const key = keyOf(address, port);
      if (this.#sockets.get(key) === carrier) this.#sockets.delete(key);
      this.#lines.delete(carrier);
    },
  };

  #arrive(datagram: Uint8Array, fromText: string, fromPort: number, text: string, port: number): void {
    const carrier = this.#sockets.get(keyOf(text, port));
    if (carrier === undefined) this.unreachable++;
    else carrier.receive(datagram, fromText, fromPort);
  }

  #nextRandom(): SeededRandom {
    return new SeededRandom(this.#random.nextUint32());
  }

  #nextPort(): number {
    return ++this.#lastPort;
  }

  #nextHost(): string {
    const host = ++this.#hosts;
    return `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
  }
}

/** A host that makes lines to the gateway. */
export interface SimulatedClient {
  /** A socket, and the line it sends over. */
  openUdp(options?: DatagramLineOptions): DatagramLine;
  /**
   * A connection that is made; one that is turned away breaks a round trip later.
   * @throws GatewayError `connect_failed` when nobody listens there.
   */
  connect(port: ConnectionPort | SocketAddress, options?: ConnectionLineOptions): ConnectionLine;
  /** What is opened from now on comes from another host address, as after a change of networks. */
  changeHost(): void;
}

/** The real carrier for connections, on a simulated listener. */
class Listener implements ConnectionPort {
  readonly carrier: ConnectionCarrier;
  readonly address: SocketAddress;
  readonly #loop: VirtualLoop;
  readonly #slab: ReceiveSlab;
  readonly #limits: ConnectionLimits;
  readonly #lines = new Set<ConnectionLine>();
  readonly #unbind: () => void;

  constructor(
    kind: Extract<CarrierKind, 'tcp' | 'ws'>,
    address: SocketAddress,
    options: ConnectionServerOptions,
    loop: VirtualLoop,
    slab: ReceiveSlab,
    unbind: () => void,
  ) {
    const config = resolveConnectionServerConfig(options);
    this.address = address;
    this.#loop = loop;
    this.#slab = slab;
    this.#unbind = unbind;
    this.#limits = new ConnectionLimits(config.maxConnections, config.maxConnectionsPerSource);
    this.carrier = new ConnectionCarrier(
      {
        kind,
        localAddress: address,
        headBytes: 0,
        minDatagramBytes: kind === 'tcp' ? 1 : 0,
        maxSlots: config.maxConnections * SLOTS_PER_CONNECTION,
        confirmTimeoutMs: config.firstDatagramTimeoutMs,
        closeCode: CloseCode.drain,
        stopAccepting: () => {
          unbind();
          return Promise.resolve();
        },
        left: (gone) => {
          this.#limits.leave(gone);
        },
      },
      config,
    );
  }

  /** @returns false when the connection is refused. */
  accept(line: ConnectionLine, from: SocketAddress, out: ConnectionPipe, incoming: ConnectionPipe): boolean {
    const { carrier } = this;
    if (carrier.isClosing) return false;
    if (!this.#limits.enter()) {
      carrier.refuse('connection_limit');
      return false;
    }
    if (!this.#limits.enterSource(from)) {
      this.#limits.leave();
      carrier.refuse('source_limit');
      return false;
    }
    const connection = new SimulatedConnection(carrier, this.#loop, out, incoming, this.#slab);
    line.accept(connection);
    for (const known of this.#lines) if (!known.isAlive) this.#lines.delete(known);
    this.#lines.add(line);
    return carrier.open(connection, from);
  }

  crash(): void {
    this.#unbind();
    for (const line of this.#lines) line.breakDown({ gatewayAfterMs: Infinity });
    this.#lines.clear();
  }
}

const GATEWAY = '203.0.113.1';
const gatewayAddress = (port: number): SocketAddress => ({ address: GATEWAY, family: 4, port });
const keyOf = (text: string, port: number): string => `${text}:${port}`;

/** Many carriers are made. */
const withSmallArena = <Options extends ConnectionOptions>(options: Options): Options => ({
  arenaBytes: 64 * 1024,
  maxBatch: 256,
  ...options,
});
