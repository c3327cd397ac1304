import type { SocketAddress } from '../../base/address.ts';
import type { GatewayError } from '../../base/errors.ts';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import type { CarrierCapabilities, CarrierStats, ReceiveBatch } from '../carrier.ts';

/** Kernel buffer sizes in bytes: what was asked for and what the kernel gave (it may clamp silently). */
export interface SocketBufferSizes {
  /** 0: nothing was asked for, the system's defaults stand. */
  readonly requested: number;
  readonly receive: number;
  readonly send: number;
}

/** What does the work: `node:dgram`, or the addon of native-bindings/. */
export type DatagramSocketImplementation = 'dgram' | 'native';

/**
 * A bound UDP socket that works in batches. Implemented on `node:dgram` and natively; both pass one contract suite.
 */
export interface DatagramSocket {
  readonly implementation: DatagramSocketImplementation;
  readonly localAddress: SocketAddress;
  /** Replaced when the socket turns out to be able to do less. */
  readonly capabilities: CarrierCapabilities;
  readonly bufferSizes: SocketBufferSizes;
  /** Starts receiving: everything that arrived in one turn of the event loop comes in few calls. Called once. */
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
  /** @throws RangeError when the slot is not in use: whoever asks forgot to retain it. */
  addressOf(slot: number): SocketAddress;
  stats(): CarrierStats;
  /** Stops at once; what was received and not delivered is dropped. Resolves when closed. Safe to call twice. */
  close(): Promise<void>;
}

export interface DatagramSocketOptions {
  /** The address to bind to; port 0 picks a free one. `::` without `ipv6Only` takes IPv4 too. */
  readonly bind: SocketAddress;
  /** The only peer: the system drops what others send and reports when nobody listens there. Default: any peer. */
  readonly remote?: SocketAddress;
  /** Keeps IPv4 away from an IPv6 socket. Default false. */
  readonly ipv6Only?: boolean;
  /** The largest datagram taken, in bytes; larger ones are dropped and counted. 1 to 65,507. Default 2048. */
  readonly maxDatagramBytes?: number;
  /**
   * Memory for what arrives in one turn; when it is full the batch goes out early. Default 1 MiB; natively what holds 64
   * messages of any size, of which the system only spends what was once written to.
   */
  readonly slabBytes?: number;
  /** The most datagrams in one batch, sent or received. Default 1024. */
  readonly maxBatch?: number;
  /** Kernel buffer asked for in each direction, in bytes; 0 keeps the system's default. Default 4 MiB. */
  readonly bufferBytes?: number;
  /** The most bytes held in the process when the system takes no more; beyond it datagrams drop. Default 4 MiB. */
  readonly maxQueueBytes?: number;
  /** The most peers known at once, retained or in the current batch; beyond it datagrams drop. Default 1,048,576. */
  readonly maxAddresses?: number;
  /** Lets other sockets of this user bind to the same address and port. Native only. Default false. */
  readonly reusePort?: boolean;
  /** A bound UDP descriptor to duplicate and use; `bind` is then only a description. Native only. Default: none. */
  readonly descriptor?: number;
  /** Native: sends and receives runs of datagrams as one message where the system can. Default true. */
  readonly segmentation?: boolean;
  /**
   * For tests. Native: makes the system refuse such sends after it seemed able to. Over IPv6 both ends need it, because
   * they do without checksums then. Default false.
   */
  readonly refuseSegmentation?: boolean;
  /** Default: no log. */
  readonly logger?: Logger;
  /**
   * Told what goes wrong with the open socket, never from within a send; it stays open. `slot` is the peer it is about,
   * valid during the call, or -1 when that is not known. A throw from it is logged. Default: counted only.
   */
  readonly onError?: (error: GatewayError, slot: number) => void;
}

/** {@link DatagramSocketOptions}, complete, as far as both implementations use it. */
export interface DatagramSocketConfig {
  readonly bind: SocketAddress;
  readonly remote: SocketAddress | undefined;
  readonly ipv6Only: boolean;
  readonly maxDatagramBytes: number;
  readonly maxBatch: number;
  readonly bufferBytes: number;
  readonly maxQueueBytes: number;
  readonly maxAddresses: number;
  readonly logger: Logger;
  readonly onError: ((error: GatewayError, slot: number) => void) | undefined;
}

export function resolveDatagramSocketConfig(options: DatagramSocketOptions): DatagramSocketConfig {
  return {
    bind: options.bind,
    remote: options.remote,
    ipv6Only: options.ipv6Only ?? false,
    maxDatagramBytes: options.maxDatagramBytes ?? 2048,
    maxBatch: options.maxBatch ?? 1024,
    bufferBytes: options.bufferBytes ?? 4 * 1024 * 1024,
    maxQueueBytes: options.maxQueueBytes ?? 4 * 1024 * 1024,
    maxAddresses: options.maxAddresses ?? 1_048_576,
    logger: options.logger ?? NO_LOG,
    onError: options.onError,
  };
}
