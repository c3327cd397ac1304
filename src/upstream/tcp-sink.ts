import { connect, type Socket } from 'node:net';
import { CloseCode } from '../base/close-code.ts';
import type { Logger } from '../base/logger.ts';
import { describeSystemError } from '../base/node-error.ts';
import { SendError, type SessionPort, type Sink } from '../base/sink.ts';
import type { GatherBuffer } from './gather-buffer.ts';
import { HeldBytes } from './held-bytes.ts';
import { proxyHeaderOf } from './proxy-header-of.ts';
import type { SessionInfo } from './upstream.ts';

/** Where a server listens. */
export interface TcpServer {
  /** Host name or IP address, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Counters that the sinks of one upstream share. */
export interface TcpTotals {
  activeSessions: number;
  connectFailures: number;
  brokenConnections: number;
  bytesFromSessions: number;
  bytesToSessions: number;
}

/** What the sinks of one upstream share. */
export interface TcpSinkContext {
  readonly connectTimeoutMs: number;
  readonly lingerTimeoutMs: number;
  readonly keepAliveDelayMs: number;
  readonly maxHeldBytes: number;
  /** A connection begins with a PROXY header that says who the client is. */
  readonly sendsProxyHeader: boolean;
  readonly gather: GatherBuffer;
  /** Sockets read into this memory; it is free again when the callback returns. */
  readonly readBuffer: Buffer;
  readonly totals: TcpTotals;
  readonly logger: Logger;
  /** The session is closed and nothing of the connection is left. */
  released(sink: TcpSink): void;
}

/**
 * One session on one TCP connection.
 *
 * Towards the server: pieces are gathered and written once a turn. At most one write is in the system's hands; while it
 * is (and before the connection is made) pieces are held, up to a limit at which the session is stopped.
 * Towards the session: what it does not take is held and reading stops, so that TCP slows the server down.
 *
 * The directions end separately: the session's end is the FIN of the connection and the other way round. A session that
 * closes with its data delivered (normal, drain, idle timeout) ends the connection in order, after that data; any other
 * close resets it, so that the server can tell the difference.
 */
export class TcpSink implements Sink {
  readonly #port: SessionPort;
  readonly #session: SessionInfo;
  readonly #servers: readonly TcpServer[];
  readonly #context: TcpSinkContext;
  #attempt = 0;
  /** Absent before the first attempt, between two, and when nothing is left of the connection. */
  #socket: Socket | undefined;
  #isConnected = false;
  #timer: NodeJS.Timeout | undefined;

  /** The session is gone, or was told to go: no more calls to its port. */
  #isClosed = false;
  /** Why the connection broke, while data that came before is still handed to the session. */
  #failure: string | undefined;

  // Towards the server.
  readonly #toServer = new HeldBytes();
  /** A write is in the system's hands, or there is no connection yet. */
  #isBusy = true;
  #isStopped = false;
  #sessionEnded = false;

  // Towards the session.
  readonly #toSession = new HeldBytes();
  #serverEnded = false;
  #isDraining = false;

  constructor(
    port: SessionPort,
    session: SessionInfo,
    servers: readonly TcpServer[],
    context: TcpSinkContext,
  ) {
    this.#port = port;
    this.#session = session;
    this.#servers = servers;
    this.#context = context;
  }

  /** Whether there is a connection. */
  get isConnected(): boolean {
    return this.#isConnected && this.#socket !== undefined;
  }

  /** Bytes held in either direction. */
  get heldBytes(): number {
    const writing = this.#socket?.writableLength ?? 0;
    return this.#toServer.length + this.#toSession.length + writing;
  }

  /** Begins to connect. Once. */
  connect(): void {
    const server = this.#servers[this.#attempt];
    if (server === undefined) {
      this.#fail('there is no server');
      return;
    }
    const socket = connect({
      host: server.host,
      port: server.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: this.#context.keepAliveDelayMs,
      onread: { buffer: this.#context.readBuffer, callback: this.#onRead },
    });
    this.#socket = socket;
    if (this.#isDraining && !this.#isClosed) socket.pause();
    socket.once('connect', () => {
      this.#onConnected();
    });
    socket.once('end', () => {
      this.#onServerEnd();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.#onError(error, server);
    });
    socket.once('close', () => {
      if (socket === this.#socket) this.#onSocketClosed();
    });
    this.#timer = setTimeout(() => {
      this.#onError({ code: 'ETIMEDOUT' }, server);
    }, this.#context.connectTimeoutMs);
  }

  // ---- Sink ----

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#context.totals.bytesFromSessions += length;
    // Nobody is there to take it, or to be slowed down for.
    if (this.#isClosed || this.#failure !== undefined) return true;
    const { gather } = this.#context;
    if (!this.#isBusy) {
      if (gather.append(this, bytes, offset, length)) return true;
      this.flush();
      if (!this.#isBusyNow() && gather.append(this, bytes, offset, length)) return true;
    }
    this.#toServer.append(bytes, offset, length);
    if (!this.#isBusyNow()) this.#writeHeld();
    this.#isStopped = this.#toServer.length >= this.#context.maxHeldBytes;
    return !this.#isStopped;
  }

  flush(): void {
    const { gather } = this.#context;
    if (gather.lengthOf(this) === 0) return;
    this.#writeToSocket(gather.run());
    gather.release(this.#isBusy);
  }

  end(): void {
    this.flush();
    this.#sessionEnded = true;
    this.#endSocketIfDone();
  }

  writable(): void {
    if (this.#isClosed || this.#toSession.length === 0) return;
    const taken = this.#port.send(this.#toSession.bytes, this.#toSession.offset, this.#toSession.length);
    if (taken < 0) {
      this.#refused(taken);
      return;
    }
    this.#context.totals.bytesToSessions += taken;
    this.#toSession.consume(taken);
    if (this.#toSession.length > 0) return;
    if (this.#failure !== undefined) this.#closeSession(CloseCode.upstreamUnavailable, this.#failure);
    else if (this.#serverEnded || this.#isDraining) this.#port.end();
    else this.#socket?.resume();
  }

  drain(): void {
    if (this.#isClosed || this.#isDraining) return;
    this.#isDraining = true;
    this.#socket?.pause();
    if (this.#toSession.length === 0 && !this.#serverEnded) this.#port.end();
  }

  close(code: CloseCode): void {
    if (this.#isClosed) return;
    this.flush();
    this.#letGoOfSession();
    this.#leave(ORDERLY.has(code));
  }

  /** The upstream goes away: the session is told so, the connection is reset. */
  shutDown(code: CloseCode, reason: string): void {
    if (!this.#isClosed) this.#closeSession(code, reason);
  }

  /** A connection that outlived its session and is waited for no longer. */
  cutOff(): void {
    if (this.#isClosed && this.#socket !== undefined) this.#reset(this.#socket);
  }

  // ---- from the session to the server ----

  #writeToSocket(data: Buffer): void {
    const socket = this.#socket;
    if (!socket?.writable) return;
    socket.write(data, this.#onWritten);
    // What the system took at once is not counted any more.
    this.#isBusy = socket.writableLength > 0;
  }

  #writeHeld(): void {
    if (this.#toServer.length > 0) this.#writeToSocket(this.#toServer.take());
  }

  /** Called after each write, in time order. */
  readonly #onWritten = (error?: Error | null): void => {
    const socket = this.#socket;
    if (error || socket === undefined || !this.#isBusy || socket.writableLength > 0) return;
    this.#goOn();
  };

  /** The socket can take more. */
  #goOn(): void {
    this.#isBusy = false;
    this.#writeHeld();
    this.#endSocketIfDone();
    if (this.#isBusyNow() || !this.#isStopped) return;
    this.#isStopped = false;
    if (!this.#isClosed) this.#port.resume();
  }

  #endSocketIfDone(): void {
    // Not while a write is under way: a connection cannot be reset while it waits to be ended.
    if (!this.#sessionEnded || this.#isBusy || this.#toServer.length > 0) return;
    this.#socket?.end();
  }

  // ---- from the server to the session ----

  /** @returns false to stop reading. */
  readonly #onRead = (length: number, memory: Uint8Array): boolean => {
    if (this.#isClosed) return true;
    const taken = this.#port.send(memory, 0, length);
    if (taken < 0) {
      this.#refused(taken);
      return this.#isClosed;
    }
    this.#context.totals.bytesToSessions += taken;
    if (taken < length) this.#toSession.append(memory, taken, length - taken);
    return taken === length && !this.#isDraining;
  };

  /** The session takes nothing more. */
  #refused(error: number): void {
    this.#toSession.clear();
    // A session that is closing says so by `close`.
    if (error === SendError.closed) return;
    this.#closeSession(CloseCode.messageTooLarge, 'the data of the server does not fit the session');
  }

  #onServerEnd(): void {
    this.#serverEnded = true;
    if (!this.#isClosed && this.#toSession.length === 0 && !this.#isDraining) this.#port.end();
  }

  // ---- the connection ----

  #onConnected(): void {
    this.#stopTimer();
    this.#isConnected = true;
    if (this.#context.sendsProxyHeader) this.#socket?.write(proxyHeaderOf(this.#session));
    if (this.#isClosed) this.#startLinger();
    this.#goOn();
  }

  #onError(error: { readonly code?: string | undefined }, server: TcpServer): void {
    const { totals, logger } = this.#context;
    const wasConnected = this.#isConnected;
    const reason = describeSystemError(error);
    const fields = { session: this.#session.id, server: `${server.host}:${String(server.port)}`, reason };
    this.#dropSocket();
    if (wasConnected) {
      totals.brokenConnections++;
      logger.debug('connection to the server broke', fields);
      this.#fail(reason);
      return;
    }
    totals.connectFailures++;
    logger.warn('cannot connect to the server', fields);
    this.#attempt++;
    if (this.#attempt < this.#servers.length) this.connect();
    else this.#fail(reason);
  }

  #fail(reason: string): void {
    this.#toServer.clear();
    if (this.#isClosed) {
      this.#context.released(this);
      return;
    }
    if (this.#toSession.length === 0) {
      this.#closeSession(CloseCode.upstreamUnavailable, reason);
      return;
    }
    // What the server sent before is the session's; the session closes after it. What it sends meanwhile is dropped.
    this.#failure = reason;
    this.#isStopped = false;
    this.#port.resume();
  }

  /** Both directions of the connection ended, or it was destroyed. */
  #onSocketClosed(): void {
    this.#stopTimer();
    this.#socket = undefined;
    if (this.#isClosed) this.#context.released(this);
  }

  /** Tells the session why it ends; its own `close` is not waited for. */
  #closeSession(code: CloseCode, reason: string): void {
    this.#letGoOfSession();
    this.#leave(false);
    this.#port.close(code, reason);
  }

  #letGoOfSession(): void {
    this.#isClosed = true;
    this.#toSession.clear();
    this.#context.totals.activeSessions--;
  }

  /** Gets rid of the connection after the session: in order, after what is due to the server, or by a reset. */
  #leave(inOrder: boolean): void {
    const socket = this.#socket;
    if (socket === undefined) {
      this.#context.released(this);
      return;
    }
    const isUseful = this.#isConnected || this.#toServer.length > 0;
    if (!inOrder || !isUseful) {
      this.#reset(socket);
      return;
    }
    this.#sessionEnded = true;
    // Unread data would turn the end into a reset: it is read and dropped.
    socket.resume();
    if (!this.#isConnected) return;
    this.#startLinger();
    this.#endSocketIfDone();
  }

  #startLinger(): void {
    this.#timer = setTimeout(() => {
      if (this.#socket !== undefined) this.#reset(this.#socket);
    }, this.#context.lingerTimeoutMs);
  }

  #reset(socket: Socket): void {
    this.#toServer.clear();
    // A connection about to be ended cannot be reset any more; all its data is in the hands of the system.
    const isEnding = socket.writableEnded && !socket.writableFinished;
    if (this.#isConnected && !isEnding) socket.resetAndDestroy();
    else socket.destroy();
  }

  #dropSocket(): void {
    this.#stopTimer();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isConnected = false;
    socket?.destroy();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Read anew after a call that may have changed it. */
  #isBusyNow(): boolean {
    return this.#isBusy;
  }
}

/** Closes after which everything the client sent was delivered or is still to be. */
const ORDERLY: ReadonlySet<CloseCode> = new Set([CloseCode.normal, CloseCode.drain, CloseCode.idleTimeout]);
