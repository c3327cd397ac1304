import { CloseCode, mayReconnect } from '../../../../src/base/close-code.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import type {
  CloseInfo,
  ConnectionStatus,
  ConnectionStatusOf,
} from '../../../../src/client/connection-status.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { MessageQueue } from '../../../../src/client/message-queue.ts';
import { StatusListeners } from '../../../../src/client/status-listeners.ts';
import type { ConnectionStats } from '../../../../src/client/sdk/connection.ts';
import type { SessionTransport } from '../../../../src/client/sdk/session-transport.ts';

/** A connection in memory whose gateway is the test: it says what arrives, what is acknowledged, and how it ends. */
export class FakeConnection implements SessionTransport {
  readonly gatewayId: number;
  readonly line: Line;
  readonly lines: readonly Line[];
  readonly closed: Promise<CloseInfo>;
  /** What was taken. */
  readonly sent: string[] = [];
  /** Messages it still takes. */
  room = Number.POSITIVE_INFINITY;
  /** How many of {@link sent} were acknowledged. */
  acknowledged = 0;
  hasEnded = false;
  isClosed = false;
  /** Ends in order as soon as this side ended. */
  finishes = true;
  datagram: ((bytes: Uint8Array) => void) | undefined;
  moves: string[] = [];
  readonly #inbox = new MessageQueue(false, () => undefined);
  readonly #listeners: StatusListeners;
  #markClosed!: (info: CloseInfo) => void;
  #writers: (() => void)[] = [];

  constructor(gatewayId: number, throwLater: (error: unknown) => void = () => undefined) {
    this.gatewayId = gatewayId;
    this.line = { id: `line-${String(gatewayId)}`, gatewayId, transport: 'udp' } as Line;
    this.lines = [this.line];
    this.#listeners = new StatusListeners(throwLater);
    this.closed = new Promise((resolve) => (this.#markClosed = resolve));
  }

  // ---- what the session uses ----

  send(bytes: Uint8Array): number {
    if (this.isClosed || this.hasEnded) throw new GatewayError('session_closed');
    if (this.sent.length >= this.room) return 0;
    this.sent.push(new TextDecoder().decode(bytes));
    return bytes.length;
  }
  sendDatagram(bytes: Uint8Array): void {
    this.datagram?.(bytes);
  }
  onDatagram(listener: (bytes: Uint8Array) => void): () => void {
    this.datagram = listener;
    return () => undefined;
  }
  async writable(): Promise<void> {
    if (this.isClosed || this.sent.length < this.room) return;
    await new Promise<void>((resolve) => this.#writers.push(resolve));
  }
  get unconfirmed(): number {
    return this.isClosed ? this.sent.length - this.acknowledged : 0;
  }
  get heldBytes(): number {
    return this.#inbox.heldBytes;
  }
  on<Type extends ConnectionStatus['type']>(
    type: Type,
    listener: (status: ConnectionStatusOf<Type>) => void,
  ): () => void {
    return this.#listeners.add(type, listener);
  }
  moveTo(line: unknown): Promise<void> {
    this.moves.push(String(line));
    return Promise.resolve();
  }
  stats(): ConnectionStats {
    return { line: this.line.id, moves: this.moves.length } as ConnectionStats;
  }
  divert(): void {
    throw new Error('not in this test');
  }
  end(): void {
    this.hasEnded = true;
    if (this.finishes) this.finish();
  }
  async close(code: CloseCode = CloseCode.normal, reason = 'closed'): Promise<CloseInfo> {
    this.shut(code, reason);
    return this.closed;
  }
  destroy(code: CloseCode = CloseCode.normal, reason = 'destroyed'): Promise<void> {
    this.shut(code, reason);
    return Promise.resolve();
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const message = await this.#inbox.next();
      if (message === undefined) return;
      yield message;
    }
  }

  // ---- what the test does ----

  arrive(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#inbox.write(bytes, 0, bytes.length, true);
    this.#inbox.flush();
  }
  tell(status: ConnectionStatus): void {
    this.#listeners.tell(status);
  }
  drain(jitterMs = 0): void {
    this.tell({ type: 'draining', deadlineMs: 60_000, jitterMs, lines: [] });
  }
  makeRoom(messages: number): void {
    this.room = messages;
    for (const resolve of this.#writers.splice(0)) resolve();
  }
  /** The gateway's direction ends. */
  endPeer(): void {
    this.#inbox.end();
  }
  /** Both directions end. */
  finish(): void {
    this.acknowledged = this.sent.length;
    this.endPeer();
    this.shut(CloseCode.normal, 'finished');
  }
  shut(code: CloseCode, reason = ''): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const info = { code, reason, mayReconnect: mayReconnect(code) };
    this.#inbox.close();
    for (const resolve of this.#writers.splice(0)) resolve();
    this.#markClosed(info);
    this.tell({ type: 'close', ...info });
  }
}
