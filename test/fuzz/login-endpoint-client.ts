import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { HandshakeCrypto } from '../../src/base/handshake-crypto.ts';
import type { Logger } from '../../src/base/logger.ts';
import { NodePacketCipher } from '../../src/crypto/node-packet-cipher.ts';
import { Endpoint } from '../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../src/kcp/index.ts';
import type { Path, Session, SessionCredentials } from '../../src/session/index.ts';
import { ExactClient, numberedMessage } from './login-endpoint-applications.ts';
import { StrictCarrier } from '../support/strict-carrier.ts';
import { CountedCipher } from '../support/counted-cipher.ts';

/** One way of a client into the network. */
export interface ClientLine {
  readonly carrier: StrictCarrier;
  readonly gateway: SocketAddress;
  readonly isConnected: boolean;
  /** Its address as the gateway sees it. A NAT may change it. */
  outside: SocketAddress;
  /** Nothing comes through any more. */
  isCut: boolean;
}

export interface FuzzClientOptions {
  readonly clock: { now(): number };
  readonly logger: Logger;
  readonly crypto: HandshakeCrypto;
  readonly credentials: SessionCredentials;
  readonly epoch: number;
  readonly earlyData: boolean;
  readonly mtu: number;
  readonly bytes: number;
  readonly violate: (text: string) => void;
  /** Makes an address nobody had before. */
  readonly newAddress: () => SocketAddress;
  /** Opens the gateway's side of a connection. */
  readonly connect: (line: ClientLine) => void;
  /** Sends a datagram on its way to the gateway. */
  readonly send: (client: FuzzClient, line: ClientLine, bytes: Uint8Array) => void;
}

/** A client of ours: a real endpoint with one session that logged in, on lines in memory. */
export class FuzzClient {
  readonly conv: number;
  readonly epoch: number;
  readonly lines: ClientLine[] = [];
  readonly endpoint: Endpoint;
  readonly cipher = new CountedCipher(new NodePacketCipher());
  readonly pool = new SegmentPool({ slotBytes: 1536 });
  application!: ExactClient;
  readonly #options: FuzzClientOptions;
  readonly #session: Session;
  readonly #tried: Path[] = [];
  #messages = 0;
  #isLost = false;

  /** @param isConnected the first line is a connection. */
  constructor(options: FuzzClientOptions, gateway: SocketAddress, isConnected: boolean) {
    this.#options = options;
    this.conv = options.credentials.conv;
    this.epoch = options.epoch;
    this.endpoint = new Endpoint(
      {
        clock: options.clock,
        logger: options.logger,
        security: { crypto: options.crypto, cipher: this.cipher },
      },
      { login: { ...this.#group(), maxHalfOpen: 0 } },
    );
    this.endpoint.start();
    const { port, slot, line } = this.#addLine(gateway, isConnected);
    this.#session = this.endpoint.dial({
      port,
      slot,
      credentials: options.credentials,
      stream: true,
      timeoutMs: 60_000,
      earlyData: options.earlyData,
      observer: {
        pathValidated: (path) => void this.#tried.push(path),
        pathLost: () => {
          this.#isLost = true;
        },
      },
      bind: (session) => {
        this.application = new ExactClient(session, this.conv, options.bytes, options.violate);
        return this.application;
      },
    });
    line.carrier.release(slot);
  }

  /** Tries another way; {@link goOn} goes there once the gateway has answered. */
  tryLine(gateway: SocketAddress, isConnected: boolean): void {
    if (this.lines.length >= MAX_LINES || this.application.closeCode !== undefined) return;
    const { port, slot, line } = this.#addLine(gateway, isConnected);
    this.endpoint.tryPath(this.#session, port, slot);
    line.carrier.release(slot);
  }

  /** Begins on one more line; once the session is open it is only tried. */
  alsoOpen(gateway: SocketAddress, isConnected: boolean): void {
    const { port, slot, line } = this.#addLine(gateway, isConnected);
    this.endpoint.tryOpening(this.#session, port, slot);
    line.carrier.release(slot);
  }

  /** What it sends goes to any other path it has, too, or not any more. @returns whether it does. */
  copy(choose: (paths: readonly Path[]) => Path | undefined): boolean {
    const others = [...this.#session.paths].filter((path) => path !== this.#session.path);
    return this.#session.copyTo(choose(others));
  }

  /** Moves to a line that was tried, if one has answered. */
  goOn(): void {
    const path = this.#tried.pop();
    if (path !== undefined && [...this.#session.paths].includes(path))
      this.#session.moveTo(this.#options.clock.now(), path);
  }

  /** A client whose connection broke takes another line at once. */
  recover(): void {
    if (this.application.closeCode !== undefined || !this.#isLost) return;
    this.goOn();
    this.#isLost = this.#session.path.isLost;
    const isTrying = [...this.#session.paths].some(
      ({ isLost, challenge }) => !isLost && challenge !== undefined,
    );
    if (!this.#isLost || isTrying) return;
    const { gateway, isConnected } = this.lines[0]!;
    this.tryLine(gateway, isConnected);
  }

  sendMessage(): void {
    const message = numberedMessage(this.conv, this.#messages++);
    this.#session.sendDatagram(message, 0, message.length);
  }

  /** The process is killed: nothing it says from now on is heard. */
  async die(): Promise<void> {
    for (const line of this.lines) line.isCut = true;
    await this.endpoint.close();
  }

  /** The line that a datagram of the gateway to this address comes out of. */
  lineAt(address: SocketAddress): ClientLine | undefined {
    const text = formatSocketAddress(address);
    return this.lines.find(({ outside, isCut }) => !isCut && formatSocketAddress(outside) === text);
  }

  /** What is wrong after everything ended; empty when nothing is. */
  leftovers(): string {
    const { keys } = this.cipher;
    const retained = this.lines.reduce((sum, { carrier }) => sum + carrier.retained, 0);
    const left = { keys, retained, slots: this.pool.usedSlots };
    return Object.values(left).some((count) => count > 0) ? JSON.stringify(left) : '';
  }

  #addLine(gateway: SocketAddress, isConnected: boolean): { port: number; slot: number; line: ClientLine } {
    const { newAddress, violate, send } = this.#options;
    const carrier = new StrictCarrier({
      localAddress: { address: '192.168.0.2', family: 4, port: 5000 + this.lines.length },
      connected: isConnected,
      arenaBytes: 64 * 1024,
      send: (_to, bytes) => {
        send(this, line, bytes);
      },
      violate: (text) => {
        violate(`a client's carrier: ${text}`);
      },
    });
    const line: ClientLine = { carrier, gateway, isConnected, outside: newAddress(), isCut: false };
    this.lines.push(line);
    const port = this.endpoint.attach(carrier, { ...this.#group(), name: 'line', allowStock: false });
    if (isConnected) {
      carrier.connect(gateway);
      this.#options.connect(line);
    }
    return { port, slot: carrier.intern(gateway), line };
  }

  #group() {
    return {
      kcp: resolveKcpConfig({
        conv: 0,
        preset: 'fast3',
        mtu: this.#options.mtu,
        sendWindow: 64,
        receiveWindow: 64,
        deadLink: 1000,
      }),
      pool: this.pool,
      session: { idleTimeoutMs: 60_000, keepAliveMs: 2_000, closeTimeoutMs: 2_000, lingerMs: 250 },
      admission: {
        maxSessions: 8,
        maxSessionsPerSource: 8,
        newSessionsPerSecond: 8,
        newSessionsPerSourcePerSecond: 8,
      },
    };
  }
}

const MAX_LINES = 40;
