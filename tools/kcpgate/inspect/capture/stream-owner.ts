import type { DatagramOutlet } from './datagram-outlet.ts';
import type { FrameFinder, StreamCarrier } from './frame-search.ts';
import type { MemoryBudget, MemoryHolder } from './memory-budget.ts';
import type { Notices } from './notices.ts';

/** What all connections of a reader share. */
export interface TcpShared {
  readonly outlet: DatagramOutlet;
  readonly budget: MemoryBudget;
  readonly notices: Notices;
  readonly finder: FrameFinder;
  /** Memory for one message in clear, used during one call. */
  readonly scratch: Uint8Array;
}

/** A connection, as its two directions know it. */
export interface StreamOwner extends MemoryHolder {
  readonly shared: TcpShared;
  /** Known as soon as one direction shows it. */
  readonly carrier: StreamCarrier | undefined;
  /** Of the datagrams on it; -1 before there was one. */
  readonly conv: number;
  /** Tells who connected. The first to tell is right. */
  connectedFrom(isForward: boolean): void;
  /** Tells what it carries. The first to tell is right. */
  carries(carrier: StreamCarrier): void;
  /** Keeps a PROXY header until it is known what follows it. */
  takeProxyHeader(isForward: boolean, bytes: Uint8Array): void;
  /** Hands over the PROXY header, if there is one. */
  flushProxyHeader(): void;
  /** Hands over a datagram. */
  hand(isForward: boolean, bytes: Uint8Array, at: number, length: number, missing: number): void;
}
