import type { SocketAddress } from '../../base/address.ts';
import type { CarrierCapabilities, CarrierStats, ReceiveBatch } from '../carrier.ts';

/** Integers per datagram in the descriptors of {@link DatagramSocket.sendBatch}: offset, length, address slot. */
export const DESCRIPTOR_STRIDE = 3;

/** Kernel buffer sizes in bytes: what was asked for and what the kernel gave (it may clamp silently). */
export interface SocketBufferSizes {
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
  /** Starts receiving: everything that arrived in one turn of the event loop comes in one call. */
  start(onBatch: (batch: ReceiveBatch) => void): void;
  /**
   * Sends `count` datagrams described by (offset, length, address slot) triples over `bytes`.
   * @returns false when the system still holds some of `bytes`: the caller must not write to that memory again.
   */
  sendBatch(bytes: Uint8Array, descriptors: Int32Array, count: number): boolean;
  /** Makes (or finds) the slot of an address given as text, retained once. */
  intern(address: SocketAddress): number;
  retain(slot: number): void;
  release(slot: number): void;
  addressOf(slot: number): SocketAddress;
  stats(): CarrierStats;
  close(): Promise<void>;
}
