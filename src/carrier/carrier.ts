import type { SocketAddress } from '../base/address.ts';
import type { CloseCode } from '../base/close-code.ts';
import type { SendArena } from '../base/send-arena.ts';
import type { ConnectionStats } from './connection-stats.ts';

/** What carries the datagrams. */
export type CarrierKind = 'memory' | 'udp' | 'tcp' | 'ws';

/** What a carrier can do. Upper layers branch on these values, never on the kind or the platform. */
export interface CarrierCapabilities {
  /** The largest datagram it takes, in bytes. */
  readonly maxDatagramBytes: number;
  /** Everything sent arrives while the carrier lives. */
  readonly reliable: boolean;
  /** What arrives, arrives in the order it was sent. */
  readonly ordered: boolean;
  /** The most datagrams one batch may hold; glued ones ({@link META_SEGMENT_SIZE}) count as one. */
  readonly maxBatch: number;
  /** Runs of equal-sized datagrams to one peer leave in one system call (UDP_SEGMENT). */
  readonly segmentation: boolean;
}

/** Integers per datagram in {@link ReceiveBatch.meta}. */
export const META_STRIDE = 5;
/** Index of the datagram's offset in the slab. */
export const META_OFFSET = 0;
/** Index of the length in bytes of what stands at the offset. */
export const META_LENGTH = 1;
/** Index of the segment size: 0, or the size of each of several datagrams that arrived glued together (UDP_GRO). */
export const META_SEGMENT_SIZE = 2;
/** Index of the address slot of the sender. */
export const META_ADDRESS = 3;
/** Index of the ECN bits the datagram arrived with, 0 to 3 (RFC 3168); 0 also where the carrier cannot tell. */
export const META_ECN = 4;

/**
 * What arrived in one turn. The slab belongs to the carrier: bytes are valid only during the callback.
 *
 * Datagram `i` stands at `meta[i * META_STRIDE + META_OFFSET]` of `bytes`.
 */
export interface ReceiveBatch {
  readonly bytes: Uint8Array;
  /** The same memory as `bytes`, for integers. */
  readonly view: DataView;
  readonly meta: Int32Array;
  /** The number of datagrams. */
  readonly count: number;
  /** More had arrived, as far as can be told, and comes in the next batch. */
  readonly moreWaiting: boolean;
}

/** The arena of a carrier: datagrams committed to it go to the peer in `target`. */
export interface CarrierArena extends SendArena {
  /** Address slot of the peer that the next datagrams are for. Set before `reserve`: what goes in front depends on it. */
  target: number;
}

/** Plain counters of one carrier, growing from zero. */
export interface CarrierStats {
  readonly receivedDatagrams: number;
  readonly receivedBytes: number;
  readonly receiveBatches: number;
  /** System calls that read datagrams; 0 where they cannot be counted. */
  readonly receiveCalls: number;
  /** Arrived but larger than {@link CarrierCapabilities.maxDatagramBytes}. A connection ends with the first. */
  readonly oversizeDrops: number;
  /** Arrived but there was no room: the inbox or the address table was full. */
  readonly receiveDrops: number;
  /** Batches whose callback threw. */
  readonly batchErrors: number;
  /** Handed to the system. With `sendDrops` this is everything that was committed to the arena and flushed. */
  readonly sentDatagrams: number;
  readonly sentBytes: number;
  /** System calls that sent datagrams; 0 where they cannot be counted. */
  readonly sendCalls: number;
  /** Runs of datagrams that left as one message, see {@link CarrierCapabilities.segmentation}. */
  readonly segmentedSends: number;
  /** Not handed to the system: its queue was full, the datagram too large or the address slot not in use. */
  readonly sendDrops: number;
  /**
   * Errors the system reported for the socket, such as "connection refused" after an ICMP port unreachable. Refused
   * datagrams may be seen by sampling, so this says that something is wrong, not how often.
   */
  readonly socketErrors: number;
  /** Present where {@link Carrier.connections} is. */
  readonly connections?: ConnectionStats;
}

/** What a carrier tells besides the datagrams. Never called from within a call of its user. */
export interface CarrierEvents {
  /**
   * The connection behind a slot is gone, for good: nothing more comes from it, what is sent to it is dropped and counted.
   * The slot stays valid until whoever retained it released it. Only from carriers with {@link Carrier.connections}.
   */
  disconnected?(slot: number): void;
  /** A slot that had more than {@link ConnectionControl.highWaterBytes} queued has less than half of that now. */
  writable?(slot: number): void;
}

/**
 * What carriers of connections (TCP, WebSocket) have besides: there a slot is one connection, made by the peer on a
 * server, by the carrier itself on a client.
 */
export interface ConnectionControl {
  /** Whoever has more queued for one connection should send it nothing, until `writable`. Nothing is dropped for it. */
  readonly highWaterBytes: number;
  /** Bytes flushed to a connection that the system did not take yet; 0 for one that is gone. */
  queuedBytes(slot: number): number;
  /** The peer proved itself: its connection may stay although it sends nothing. Unconfirmed ones end after some seconds. */
  confirm(slot: number): void;
  /**
   * Stops to read a connection, until `resume`; what was read before is still delivered. The end of its peer is not seen
   * meanwhile. Absent where that cannot be done. A slot without connection is ignored.
   */
  pause?(slot: number): void;
  /** Goes on reading. */
  resume?(slot: number): void;
  /**
   * Ends a connection after what was flushed to it; when something is in the arena, after the next flush. `disconnected`
   * does not follow. A slot without connection is ignored.
   * @param code tells a WebSocket peer why.
   */
  disconnect(slot: number, code: CloseCode, reason: string): void;
}

/**
 * Moves datagrams between this host and its peers and knows nothing of KCP.
 *
 * A peer is an *address slot*: a small integer that stands for its address. A slot named in a batch is valid during that
 * callback; `retain` keeps it until `release`.
 */
export interface Carrier {
  readonly kind: CarrierKind;
  readonly capabilities: CarrierCapabilities;
  /** The address it is bound to, with the real port. */
  readonly localAddress: SocketAddress;
  readonly arena: CarrierArena;
  /** Present when a slot is a connection: those can break, fill up and be ended. */
  readonly connections?: ConnectionControl;
  /**
   * Starts delivering: one call per batch. Called once. What the callback leaves in the arena is flushed when it
   * returns, so that answers to slots that nobody retained still find their peer.
   */
  start(onBatch: (batch: ReceiveBatch) => void, events?: CarrierEvents): void;
  /** Sends everything committed to the arena and empties it. Failures are counted, never thrown. */
  flush(): void;
  /**
   * Finds or makes the slot of an address and retains it once.
   * @returns the slot, or -1 when the carrier cannot reach that address or has no slot left.
   */
  intern(address: SocketAddress): number;
  /** Keeps an address slot; calls nest. */
  retain(slot: number): void;
  /** Gives back one `retain`. What is in the arena for that slot is still sent. */
  release(slot: number): void;
  /** The address behind a slot. */
  addressOf(slot: number): SocketAddress;
  /**
   * The proxy that said who is behind a slot, where datagrams of that slot come from; undefined where there is none. Only
   * carriers that read such headers have it.
   */
  proxyOf?(slot: number): SocketAddress | undefined;
  stats(): CarrierStats;
  /** Stops delivering and releases the socket. Resolves when nothing is left. Safe to call twice. */
  close(): Promise<void>;
}
