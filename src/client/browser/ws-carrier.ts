import type { SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import {
  BatchArena,
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../../carrier/batch-arena.ts';
import type {
  Carrier,
  CarrierCapabilities,
  CarrierEvents,
  CarrierStats,
  ConnectionControl,
  ReceiveBatch,
} from '../../carrier/carrier.ts';
import { ConnectionCounters, type ConnectionEndReason } from '../../carrier/connection-stats.ts';
import { ReceiveSlab } from '../../carrier/receive-slab.ts';
import { orAborted, withinTime } from '../sdk/time-limit.ts';
import {
  closeReason,
  WEB_SOCKET_OPEN,
  WEB_SOCKET_PROTOCOL,
  type WebSocketConstructor,
  type WebSocketLike,
} from './web-socket.ts';

/** How a {@link WsCarrier} behaves. */
export interface WsCarrierOptions {
  /** Runs something once this turn of the event loop is over; soon, and never from within the call. */
  readonly later: (run: () => void) => void;
  /** The largest datagram, in bytes; a larger one that comes ends the connection. Default 2048. */
  readonly maxDatagramBytes?: number;
  /** The most datagrams in one batch, sent or received. Default 1024. */
  readonly maxBatch?: number;
  /** Memory of the send arena. Default 256 KiB. */
  readonly arenaBytes?: number;
  /** Whoever has more queued should stop until there is less than half of that. Default 256 KiB. */
  readonly highWaterBytes?: number;
  /** A connection with so much queued that is given more is ended. Default 4 MiB. */
  readonly maxQueueBytes?: number;
  /** How long the end of a connection may take until nobody waits for it any more, in ms. Default 1000. */
  readonly lingerMs?: number;
  /** Where a batch callback that throws is reported. Default: nowhere. */
  readonly logger?: Logger;
}

/** How one is connected. */
export interface ConnectWsOptions extends WsCarrierOptions {
  /** `ws://host:port/path` or `wss://...`. */
  readonly url: string;
  readonly WebSocket: WebSocketConstructor;
  /** How long connecting may take, in ms. Default 5000. */
  readonly timeoutMs?: number;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a WebSocket line with the WebSocket of a browser.
 * @throws GatewayError `connect_failed` (why, no browser tells), `connect_timeout`, or the reason of the signal.
 */
export async function connectWs(options: ConnectWsOptions): Promise<WsCarrier> {
  const { url, timeoutMs = 5000, signal } = options;
  return withinTime({ timeoutMs, signals: [signal] }, async (limit) => {
    const webSocket = open(options);
    try {
      await orAborted(untilOpen(webSocket, url), limit);
    } catch (error) {
      webSocket.close();
      throw error;
    }
    return new WsCarrier(webSocket, options);
  });
}

function open({ WebSocket, url }: ConnectWsOptions): WebSocketLike {
  try {
    const webSocket = new WebSocket(url, [WEB_SOCKET_PROTOCOL]);
    webSocket.binaryType = 'arraybuffer';
    return webSocket;
  } catch (cause) {
    throw new GatewayError('connect_failed', `cannot open a WebSocket to ${url}`, { cause });
  }
}

function untilOpen(webSocket: WebSocketLike, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(new GatewayError('connect_failed', `no WebSocket to ${url}`));
    };
    webSocket.addEventListener('error', fail);
    webSocket.addEventListener('close', fail);
    webSocket.addEventListener('open', () => {
      if (webSocket.protocol === WEB_SOCKET_PROTOCOL) resolve();
      else fail();
    });
  });
}

/**
 * One WebSocket of a browser as a carrier: its only address slot is 0. A page learns no addresses, so `localAddress` and
 * {@link remoteAddress} tell nothing.
 *
 * A browser reads on whatever one does, so there is no `pause`: what may come is bounded by the windows of the sessions. Nor does it tell
 * when it has sent what it was given: how much is queued is looked at now and then, but only while that is much.
 */
export class WsCarrier implements Carrier {
  readonly kind = 'ws';
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress = NOWHERE;
  readonly remoteAddress: SocketAddress = NOWHERE;
  readonly arena: BatchArena;
  readonly connections: ConnectionControl;

  readonly #webSocket: WebSocketLike;
  readonly #later: (run: () => void) => void;
  readonly #logger: Logger;
  readonly #maxQueueBytes: number;
  readonly #lingerMs: number;
  readonly #slab: ReceiveSlab;
  readonly #counters = new ConnectionCounters();
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #events: CarrierEvents = {};
  #isDeliveryComing = false;
  /** Of whoever retained the slot, and of the connection. */
  #references = 1;
  /** `disconnect` or `close` was called: nothing more is delivered or told. */
  #isLeft = false;
  /** Nothing more is sent or delivered, and why. */
  #endReason: ConnectionEndReason | undefined;
  /** To be ended when what is in the arena was sent. */
  #farewell: { readonly code: CloseCode; readonly reason: string } | undefined;
  #isGone = false;
  #isGoneTold = false;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #whenGone: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  #receivedDatagrams = 0;
  #receivedBytes = 0;
  #receiveBatches = 0;
  #oversizeDrops = 0;
  #receiveDrops = 0;
  #batchErrors = 0;
  #sentDatagrams = 0;
  #sentBytes = 0;
  #sendDrops = 0;
  #socketErrors = 0;

  /** @param webSocket open, with `arraybuffer` as its type. */
  constructor(webSocket: WebSocketLike, options: WsCarrierOptions) {
    const {
      later,
      maxDatagramBytes = 2048,
      maxBatch = 1024,
      arenaBytes = 256 * 1024,
      highWaterBytes = 256 * 1024,
      maxQueueBytes = 4 * 1024 * 1024,
      lingerMs = 1000,
      logger = NO_LOG,
    } = options;
    this.#webSocket = webSocket;
    this.#later = later;
    this.#logger = logger;
    this.#maxQueueBytes = maxQueueBytes;
    this.#lingerMs = lingerMs;
    this.#slab = new ReceiveSlab(SLAB_BYTES + maxDatagramBytes, maxBatch);
    this.#counters.opened = 1;
    this.arena = new BatchArena({ bytes: arenaBytes, maxDatagrams: maxBatch });
    this.capabilities = { maxDatagramBytes, reliable: true, ordered: true, maxBatch, segmentation: false };
    this.connections = {
      highWaterBytes,
      queuedBytes: (slot) => (slot === 0 && !this.#isGone ? webSocket.bufferedAmount : 0),
      // Nobody waits for a word of the gateway.
      confirm: () => undefined,
      disconnect: (slot, code, reason) => {
        if (slot === 0) this.#disconnect(code, reason);
      },
    };
    webSocket.addEventListener('message', ({ data }) => {
      this.#handleMessage(data);
    });
    webSocket.addEventListener('error', () => {
      this.#socketErrors++;
      this.#endReason ??= 'error';
    });
    webSocket.addEventListener('close', () => {
      this.#handleGone();
    });
    // It may have closed between its opening and now.
    if (webSocket.readyState > WEB_SOCKET_OPEN) later(() => this.#handleGone());
  }

  // ---- Carrier ----

  start(onBatch: (batch: ReceiveBatch) => void, events: CarrierEvents = {}): void {
    this.#onBatch = onBatch;
    this.#events = events;
    if (this.#slab.count > 0) this.#planDelivery();
    if (this.#isGone) this.#later(this.#tellGone);
  }

  flush(): void {
    const { arena } = this;
    if (arena.count > 0) {
      this.#send(arena);
      arena.reset();
    }
    if (this.#farewell !== undefined) this.#end(this.#farewell.code, this.#farewell.reason);
  }

  intern({ address, port }: SocketAddress): number {
    if (this.#isGone || address !== NOWHERE.address || port !== NOWHERE.port) return -1;
    this.#references++;
    return 0;
  }

  retain(slot: number): void {
    if (slot === 0 && this.#references > 0) this.#references++;
  }

  release(slot: number): void {
    if (slot === 0 && this.#references > (this.#isGone ? 0 : 1)) this.#references--;
  }

  addressOf(slot: number): SocketAddress {
    if (slot !== 0 || this.#references === 0) throw new RangeError(`address slot ${slot} is not in use`);
    return this.remoteAddress;
  }

  stats(): CarrierStats {
    return {
      receivedDatagrams: this.#receivedDatagrams,
      receivedBytes: this.#receivedBytes,
      receiveBatches: this.#receiveBatches,
      receiveCalls: 0,
      oversizeDrops: this.#oversizeDrops,
      receiveDrops: this.#receiveDrops,
      batchErrors: this.#batchErrors,
      sentDatagrams: this.#sentDatagrams,
      sentBytes: this.#sentBytes,
      sendCalls: 0,
      segmentedSends: 0,
      sendDrops: this.#sendDrops,
      socketErrors: this.#socketErrors,
      connections: this.#counters.snapshot(this.#isGone ? 0 : 1),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isLeft = true;
    this.#end(CloseCode.normal, '');
    this.#onBatch = undefined;
    if (!this.#isGone) await new Promise<void>((resolve) => (this.#whenGone = resolve));
  }

  // ---- reading ----

  #handleMessage(data: unknown): void {
    if (this.#isLeft || this.#endReason !== undefined) return;
    if (!(data instanceof ArrayBuffer)) {
      this.#fault('text_message');
      return;
    }
    if (data.byteLength > this.capabilities.maxDatagramBytes) {
      this.#oversizeDrops++;
      this.#fault('frame_oversize');
      return;
    }
    if (!this.#slab.fits(data.byteLength)) this.#deliver(true);
    if (!this.#slab.fits(data.byteLength)) {
      // Nobody listens yet, and a gateway does not speak first.
      this.#receiveDrops++;
      return;
    }
    this.#slab.append(new Uint8Array(data), 0);
    this.#receivedDatagrams++;
    this.#receivedBytes += data.byteLength;
    this.#planDelivery();
  }

  /** Messages come one by one: what came together is gathered, and answered together. */
  #planDelivery(): void {
    if (this.#isDeliveryComing || this.#onBatch === undefined) return;
    this.#isDeliveryComing = true;
    this.#later(this.#runDelivery);
  }

  readonly #runDelivery = (): void => {
    this.#isDeliveryComing = false;
    this.#deliver(false);
  };

  #deliver(moreWaiting: boolean): void {
    const slab = this.#slab;
    if (slab.count === 0 || this.#onBatch === undefined || this.#isLeft) return;
    slab.moreWaiting = moreWaiting;
    this.#receiveBatches++;
    try {
      this.#onBatch(slab);
    } catch (error) {
      this.#batchErrors++;
      this.#logger.error('a receive callback threw', { error });
    }
    slab.clear();
    this.flush();
    // Acknowledgements come when something arrived over there: a good moment to look.
    this.#checkRoom();
  }

  // ---- sending ----

  #send({ bytes, descriptors, count }: BatchArena): void {
    const webSocket = this.#webSocket;
    let lengths = 0;
    for (let i = 0; i < count; i++) lengths += descriptors[i * DESCRIPTOR_STRIDE + DESCRIPTOR_LENGTH] ?? 0;
    const queued = webSocket.bufferedAmount;
    if (this.#isWritable && queued > 0 && queued + lengths > this.#maxQueueBytes)
      this.#fault('slow_consumer');
    for (let i = 0; i < count; i++) {
      const at = i * DESCRIPTOR_STRIDE;
      const offset = descriptors[at + DESCRIPTOR_OFFSET] ?? 0;
      const length = descriptors[at + DESCRIPTOR_LENGTH] ?? 0;
      const isMine = descriptors[at + DESCRIPTOR_ADDRESS] === 0;
      if (!this.#isWritable || !isMine || length > this.capabilities.maxDatagramBytes) {
        this.#sendDrops++;
        continue;
      }
      webSocket.send(new Uint8Array(bytes.buffer as ArrayBuffer, offset, length));
      this.#sentDatagrams++;
      this.#sentBytes += length;
    }
    if (webSocket.bufferedAmount <= this.connections.highWaterBytes || !this.#isWritable) return;
    this.#isStopped = true;
    this.#timer ??= setTimeout(this.#pollRoom, POLL_MS);
  }

  get #isWritable(): boolean {
    return this.#endReason === undefined && this.#webSocket.readyState === WEB_SOCKET_OPEN;
  }

  readonly #pollRoom = (): void => {
    this.#timer = undefined;
    this.#checkRoom();
    if (this.#isStopped && this.#isWritable) this.#timer ??= setTimeout(this.#pollRoom, POLL_MS);
  };

  #checkRoom(): void {
    if (!this.#isStopped || !this.#isWritable || this.#isLeft) return;
    if (this.#webSocket.bufferedAmount * 2 >= this.connections.highWaterBytes) return;
    this.#isStopped = false;
    this.#tell(() => this.#events.writable?.(0));
  }

  // ---- ending ----

  #disconnect(code: CloseCode, reason: string): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    // What is in the arena may not be complete: it is not for us to send it.
    if (this.arena.count > 0) this.#farewell = { code, reason };
    else this.#end(code, reason);
  }

  #end(code: CloseCode, reason: string): void {
    this.#farewell = undefined;
    if (this.#endReason !== undefined) return;
    this.#endReason = 'disconnected';
    this.#leave(code, closeReason(reason));
  }

  /** The connection cannot go on. */
  #fault(reason: ConnectionEndReason): void {
    this.#endReason = reason;
    // What came before is delivered first.
    this.#leave(CloseCode.protocolError, reason);
  }

  /** Closes the connection, and does not wait for ever. */
  #leave(code: CloseCode, reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#handleGone, this.#lingerMs);
    this.#webSocket.close(code, reason);
  }

  /** Nothing is left of the connection, or nobody waits for it any more. */
  readonly #handleGone = (): void => {
    if (this.#isGone) return;
    clearTimeout(this.#timer);
    this.#deliver(false);
    this.#isGone = true;
    this.#counters.close((this.#endReason ??= 'peer_closed'));
    this.#tellGone();
    this.release(0);
    this.#whenGone?.();
  };

  readonly #tellGone = (): void => {
    if (this.#isLeft || this.#isGoneTold || this.#onBatch === undefined) return;
    this.#isGoneTold = true;
    this.#tell(() => this.#events.disconnected?.(0));
  };

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error('an event callback of a carrier threw', { error });
    }
  }
}

/** A page is not told where it is, nor where it connects to. */
const NOWHERE: SocketAddress = { address: '0.0.0.0', family: 4, port: 0 };
/** What one batch holds, beside its last datagram. */
const SLAB_BYTES = 65_536;
/** How often a browser that has much to send is asked how much, in ms. */
const POLL_MS = 10;
