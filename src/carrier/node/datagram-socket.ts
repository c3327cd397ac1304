import type { SocketAddress } from '../../base/address.ts';
import type { CarrierCapabilities, CarrierStats, ReceiveBatch } from '../carrier.ts';

/** Kernel buffer sizes in bytes: what was asked for and what the kernel gave (it may clamp silently). */
export interface SocketBufferSizes {
  /** 0: nothing was asked for, the system's defaults stand. */
  readonly requested: number;
  readonly receive: number;
  readonly send: number;
}

/**
 * A bound UDP socket that works in batches. Implemented on `node:dgram`, later also natively; both pass one contract suite.
 */
export interface DatagramSocket {
  readonly localAddress: SocketAddress;
  readonly capabilities: CarrierCapabilities;
  readonly bufferSizes: SocketBufferSizes;
  /** Starts receiving: everything that arrived in one turn of the event loop comes in one call. Called once. */
  start(onBatch: (batch: ReceiveBatch) => void): void;
  /**
   * Sends `count` datagrams described by (offset, length, address slot) triples over `bytes` (`DESCRIPTOR_STRIDE`).
   * Failures are counted, never thrown.
   * @returns false when the system still holds some of `bytes`: the caller must not write to that memory again.
   */
  sendBatch(bytes: Uint8Array, descriptors: Int32Array, count: number): boolean;
  /** Finds or makes the slot of an address and retains it once; -1 when it cannot be reached or no slot is left. */
  intern(address: SocketAddress): number;
  retain(slot: number): void;
  release(slot: number): void;
  addressOf(slot: number): SocketAddress;
  stats(): CarrierStats;
  /** Stops at once; what was received and not delivered is dropped. Resolves when closed. Safe to call twice. */
  close(): Promise<void>;
}
