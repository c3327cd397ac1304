import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { SocketAddress } from '../../src/base/address.ts';
import { CloseCode, closeCodeName } from '../../src/base/close-code.ts';
import { GatewayError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/logger.ts';
import { fromSystemError, type SystemErrorLike } from '../../src/base/node-error.ts';
import type { ClientSession } from '../../src/client/node/index.ts';
import { delay } from '../../src/client/sdk/time-limit.ts';
import type { Traffic } from './link-status.ts';

/** What a UDP tunnel is made with. */
export interface UdpTunnelOptions {
  /** Local UDP address; port 0 lets the system choose. */
  readonly listen: SocketAddress;
  /** Local addresses at a time; what others send is dropped. */
  readonly maxPeers: number;
  /** A session without traffic for so long is closed, in ms. */
  readonly peerTimeoutMs: number;
  /** Opens a session in message mode. @throws GatewayError when it cannot. */
  readonly open: (signal: AbortSignal) => Promise<ClientSession>;
}

/** Opens the local port. @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`. */
export async function startUdpTunnel(options: UdpTunnelOptions, logger: Logger): Promise<UdpTunnel> {
  const { address, family, port } = options.listen;
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    socket.bind(port, address);
    await once(socket, 'listening');
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike, 'bind_failed');
  }
  return new UdpTunnel(socket, options, logger);
}

/**
 * A local UDP port, and a session with the gateway for each address that sends there. Made by {@link startUdpTunnel}.
 *
 * A datagram goes out as a message outside the order, as it would on UDP; one that is too long for that, as a message in
 * order. What comes back goes to the address the session is for.
 */
export class UdpTunnel {
  readonly #socket: Socket;
  readonly #options: UdpTunnelOptions;
  readonly #logger: Logger;
  readonly #peers = new Map<string, Peer>();
  #isStopping = false;
  #accepted = 0;
  #refused = 0;
  #sent = 0;
  #received = 0;

  constructor(socket: Socket, options: UdpTunnelOptions, logger: Logger) {
    this.#socket = socket;
    this.#options = options;
    this.#logger = logger;
    socket.on('message', (bytes, from) => this.#handleDatagram(bytes, from));
    // A local application that is gone (ICMP) is no reason to stop.
    socket.on('error', (error) => logger.error('local socket', { err: error }));
  }

  /** The local address, with the real port. */
  get address(): SocketAddress {
    const { address, family, port } = this.#socket.address();
    return { address, family: family === 'IPv6' ? 6 : 4, port };
  }

  get traffic(): Traffic {
    return { sent: this.#sent, received: this.#received };
  }

  /**
   * Takes nothing more and closes the sessions after what was sent; those that take longer are dropped.
   * @returns how many were.
   */
  async stop(timeoutMs: number): Promise<number> {
    this.#isStopping = true;
    const peers = [...this.#peers.values()];
    let cutOff = 0;
    await Promise.all(
      peers.map(async ({ connecting, session, done }) => {
        connecting.abort();
        const timer = setTimeout(() => {
          cutOff++;
          void session?.destroy(CloseCode.kicked, 'the tunnel was stopped');
        }, timeoutMs);
        await session?.close(CloseCode.normal, 'the tunnel was stopped');
        await done;
        clearTimeout(timer);
      }),
    );
    await new Promise<void>((resolve) => {
      this.#socket.close(resolve);
    });
    return cutOff;
  }

  #handleDatagram(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    // Nothing can be answered to port 0, which anybody can send from.
    if (this.#isStopping || port === 0) return;
    const key = `${address} ${String(port)}`;
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      if (this.#peers.size >= this.#options.maxPeers) {
        if (this.#refused++ === 0)
          this.#logger.warn('local address refused: too many', { maxPeers: this.#peers.size });
        return;
      }
      this.#refused = 0;
      peer = new Peer(++this.#accepted, address, port);
      this.#peers.set(key, peer);
      peer.done = this.#serve(key, peer);
    }
    peer.isQuiet = false;
    if (peer.session === undefined) peer.hold(bytes);
    else this.#forward(peer.session, bytes);
  }

  #forward(session: ClientSession, bytes: Uint8Array): void {
    this.#sent += bytes.length;
    try {
      session.sendDatagram(bytes);
    } catch (thrown) {
      this.#forwardInOrder(session, bytes, GatewayError.from(thrown));
    }
  }

  /** One that is too long for a datagram. What there is no room for is lost: the sender knows UDP. */
  #forwardInOrder(session: ClientSession, bytes: Uint8Array, { code }: GatewayError): void {
    if (code !== 'message_too_large') return;
    try {
      session.send(bytes);
    } catch (thrown) {
      const { code: error } = GatewayError.from(thrown);
      this.#logger.debug('datagram dropped', { error, bytes: bytes.length });
    }
  }

  /** One local address, from its first datagram on. Never rejects. */
  async #serve(key: string, peer: Peer): Promise<void> {
    const { id, address, port } = peer;
    const answer = (bytes: Uint8Array): void => {
      peer.isQuiet = false;
      this.#received += bytes.length;
      this.#socket.send(bytes, port, address);
    };
    let timer: NodeJS.Timeout | undefined;
    try {
      const session = (peer.session = await this.#options.open(peer.connecting.signal));
      this.#logger.debug('connection opened', { connection: id, from: port });
      session.onDatagram(answer);
      for (const bytes of peer.takeEarly()) this.#forward(session, bytes);
      timer = setInterval(() => {
        if (peer.isQuiet) void session.close(CloseCode.normal, 'quiet');
        peer.isQuiet = true;
      }, this.#options.peerTimeoutMs);
      for await (const message of session) answer(message);
      const { code, reason } = await session.close();
      const fields = { connection: id, code, close: closeCodeName(code), reason };
      if (code === CloseCode.normal) this.#logger.info('connection closed', fields);
      else this.#logger.warn('connection closed', fields);
      peer.hasFailed = code !== CloseCode.normal;
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      const fields = { connection: id, error: error.code, reason: error.message, ...error.details };
      this.#logger.warn('cannot connect', fields);
      peer.hasFailed = true;
    }
    clearInterval(timer);
    // Its next datagram would begin the same again: not with each of them.
    if (peer.hasFailed) await this.#pause(peer);
    this.#peers.delete(key);
  }

  async #pause(peer: Peer): Promise<void> {
    peer.takeEarly();
    await delay(FAILED_MS, peer.connecting.signal).catch(() => undefined);
  }
}

/** A local address and what it leads to. */
class Peer {
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly connecting = new AbortController();
  session: ClientSession | undefined;
  /** Its session came to nothing: what it sends is dropped for a moment. */
  hasFailed = false;
  /** Nothing came or went since this was last looked at. */
  isQuiet = false;
  done: Promise<void> = Promise.resolve();
  /** What came before there was a session. */
  readonly #early: Uint8Array[] = [];
  #earlyBytes = 0;

  constructor(id: number, address: string, port: number) {
    this.id = id;
    this.address = address;
    this.port = port;
  }

  /** What waits for the session is bounded; the oldest gives way, as in any queue of datagrams. */
  hold(bytes: Uint8Array): void {
    if (this.hasFailed) return;
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    while (this.#early.length > MAX_EARLY || this.#earlyBytes > MAX_EARLY_BYTES)
      this.#earlyBytes -= this.#early.shift()?.length ?? this.#earlyBytes;
  }

  takeEarly(): Uint8Array[] {
    this.#earlyBytes = 0;
    return this.#early.splice(0);
  }
}

const MAX_EARLY = 64;
const MAX_EARLY_BYTES = 65_536;
/** What a local address sends after a failure is dropped for so long. */
const FAILED_MS = 1_000;
