import type { SocketAddress } from '../../base/address.ts';
import type { CloseCode } from '../../base/close-code.ts';
import type { CarrierKind } from '../../carrier/carrier.ts';
import type { DatagramBlock } from './datagram-block.ts';

// What crosses for a line whose connections the main thread accepts. Plain data. A connection has the same number, its slot,
// on both sides: the main thread keeps the address slot of its carrier until the worker released it.

/** A line of connections as a worker has to know it. */
export interface LineStart {
  /** The name of the listener. */
  readonly listener: string;
  readonly kind: CarrierKind;
  readonly localAddress: SocketAddress;
  /** Largest datagram. */
  readonly maxDatagramBytes: number;
  /** See `ConnectionControl.highWaterBytes`. */
  readonly highWaterBytes: number;
  /** Most bytes of one connection on their way from the worker to the system. */
  readonly maxQueueBytes: number;
}

/** A connection that a worker did not know. */
export interface OpenedConnection {
  readonly slot: number;
  /** The client. */
  readonly address: SocketAddress;
}

/** So many bytes of datagrams of one connection. */
export interface ConnectionBytes {
  readonly slot: number;
  readonly bytes: number;
}

/** A connection that is to be ended after what was sent. */
export interface Disconnection {
  readonly slot: number;
  readonly code: CloseCode;
  readonly reason: string;
}

/** What a turn of the main thread has for the connections of one line, in this order. */
export interface LineInput {
  /** The line's place among those that were attached. */
  readonly line: number;
  readonly opened: readonly OpenedConnection[];
  /** From clients. */
  readonly datagrams: DatagramBlock | null;
  /** Taken by the system, or about to be: there is room for so much more. */
  readonly sent: readonly ConnectionBytes[];
  /** Gone for good. */
  readonly closed: readonly number[];
}

/** What a turn of a worker has for the connections of one line, in this order. */
export interface LineOutput {
  readonly line: number;
  /** Their clients proved themselves. */
  readonly confirmed: readonly number[];
  /** For clients. */
  readonly datagrams: DatagramBlock | null;
  /** Taken from {@link LineInput.datagrams}: there is room for so much more. */
  readonly taken: readonly ConnectionBytes[];
  readonly disconnected: readonly Disconnection[];
  /** Nobody at the worker names these any more, until they are opened again. */
  readonly released: readonly number[];
}
