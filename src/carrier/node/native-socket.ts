import { markAsUntransferable } from 'node:worker_threads';
import {
  NATIVE_COUNTERS,
  SEGMENTATION_REFUSED,
  type NativeSocket,
  type NativeSocketOptions,
  type NativeUdp,
} from '../../../native-bindings/index.ts';
import type { SocketAddress } from '../../base/address.ts';
import { fromSystemError } from '../../base/node-error.ts';
import { META_STRIDE, type CarrierCapabilities, type CarrierStats, type ReceiveBatch } from '../carrier.ts';
import { BatchErrors } from './batch-errors.ts';
import {
  resolveDatagramSocketConfig,
  type DatagramSocket,
  type DatagramSocketConfig,
  type DatagramSocketOptions,
  type SocketBufferSizes,
} from './datagram-socket.ts';
import { warnOfSmallBuffers } from './socket-buffers.ts';

/**
 * Opens a {@link DatagramSocket} on the addon. What arrives before `start` waits in the kernel.
 * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed` or `connect_failed`.
 */
export function createNativeSocket(options: DatagramSocketOptions, native: NativeUdp): DatagramSocket {
  return new NativeDatagramSocket(options, native);
}

class NativeDatagramSocket implements DatagramSocket {
  readonly implementation = 'native';
  readonly localAddress: SocketAddress;
  readonly bufferSizes: SocketBufferSizes;

  readonly #socket: NativeSocket;
  readonly #config: DatagramSocketConfig;
  readonly #batch: NativeBatch;
  readonly #errors: BatchErrors;
  readonly #counters = new Float64Array(NATIVE_COUNTERS.length);
  #capabilities: CarrierCapabilities;
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: DatagramSocketOptions, native: NativeUdp) {
    const config = resolveDatagramSocketConfig(options);
    const segmentation = options.segmentation ?? true;
    const slotBytes = slotBytesFor(segmentation, config.maxDatagramBytes);
    const slots = slotsFor(slotBytes, options.slabBytes, config.maxBatch);
    this.#config = config;
    this.#errors = new BatchErrors(config.logger);
    this.#batch = new NativeBatch(slotBytes, slots);
    this.#socket = open(native, {
      address: config.bind.address,
      port: config.bind.port,
      ipv6Only: config.ipv6Only,
      reusePort: options.reusePort ?? false,
      descriptor: options.descriptor ?? -1,
      remoteAddress: config.remote?.address ?? '',
      remotePort: config.remote?.port ?? 0,
      bufferBytes: config.bufferBytes,
      maxDatagramBytes: config.maxDatagramBytes,
      maxQueueBytes: config.maxQueueBytes,
      maxAddresses: config.maxAddresses,
      segmentation,
      slab: this.#batch.bytes,
      slotBytes,
      meta: this.#batch.meta,
      onBatch: (count, moreWaiting) => this.#deliver(count, moreWaiting),
      onError: (code, syscall, slot) => this.#report(code, syscall, slot),
    });
    const { address, family, port, receiveBufferBytes, sendBufferBytes } = this.#socket;
    this.localAddress = { address, family, port };
    this.bufferSizes = { requested: config.bufferBytes, receive: receiveBufferBytes, send: sendBufferBytes };
    this.#capabilities = {
      maxDatagramBytes: config.maxDatagramBytes,
      reliable: false,
      ordered: false,
      maxBatch: config.maxBatch,
      segmentation: this.#socket.segmentation,
    };
    warnOfSmallBuffers(this.bufferSizes, 'linux', config.logger);
    if (options.refuseSegmentation === true) this.#socket.refuseSegmentation();
  }

  get capabilities(): CarrierCapabilities {
    return this.#capabilities;
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#onBatch = onBatch;
    this.#socket.start();
  }

  sendBatch(bytes: Uint8Array, descriptors: Int32Array, count: number): boolean {
    this.#socket.send(bytes, descriptors, count);
    return true;
  }

  intern({ address, port }: SocketAddress): number {
    return this.#socket.intern(address, port);
  }

  retain(slot: number): void {
    this.#socket.retain(slot);
  }

  release(slot: number): void {
    this.#socket.release(slot);
  }

  addressOf(slot: number): SocketAddress {
    const found = this.#socket.addressOf(slot);
    if (found === undefined) throw new RangeError(`address slot ${slot} is not in use`);
    const [address, port] = found;
    return { address, family: address.includes(':') ? 6 : 4, port };
  }

  stats(): CarrierStats {
    const counters = this.#counters;
    this.#socket.stats(counters);
    const counter = (name: (typeof NATIVE_COUNTERS)[number]): number =>
      counters[NATIVE_COUNTERS.indexOf(name)]!;
    return {
      receivedDatagrams: counter('receivedDatagrams'),
      receivedBytes: counter('receivedBytes'),
      receiveBatches: counter('receiveBatches'),
      receiveCalls: counter('receiveCalls'),
      oversizeDrops: counter('oversizeDrops'),
      receiveDrops: counter('receiveDrops'),
      batchErrors: this.#errors.count,
      sentDatagrams: counter('sentDatagrams'),
      sentBytes: counter('sentBytes'),
      sendCalls: counter('sendCalls'),
      segmentedSends: counter('segmentedSends'),
      sendDrops: counter('sendDrops'),
      socketErrors: counter('socketErrors'),
    };
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#onBatch = undefined;
      this.#socket.close(resolve);
    });
    return this.#closing;
  }

  #deliver(count: number, moreWaiting: boolean): void {
    const batch = this.#batch;
    batch.count = count;
    batch.moreWaiting = moreWaiting;
    try {
      this.#onBatch?.(batch);
    } catch (error) {
      this.#errors.add(error);
    }
    batch.count = 0;
  }

  #report(code: string, syscall: string, slot: number): void {
    const { logger, onError } = this.#config;
    if (syscall === SEGMENTATION_REFUSED) {
      this.#capabilities = { ...this.#capabilities, segmentation: false };
      logger.warn('the system refuses to segment datagrams: each is sent by itself, which takes more time', {
        code,
        port: this.localAddress.port,
      });
      return;
    }
    if (onError === undefined) return;
    try {
      const peer = slot < 0 ? '' : ` ${(this.#socket.addressOf(slot) ?? []).join(':')}`;
      onError(fromSystemError({ code, message: `${syscall} ${code}${peer}` }), slot);
    } catch (thrown) {
      logger.error('a socket error callback threw', { error: thrown });
    }
  }
}

/** The one batch object of a socket, over the memory the addon receives into. */
class NativeBatch implements ReceiveBatch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly meta: Int32Array;
  count = 0;
  moreWaiting = false;

  constructor(slotBytes: number, slots: number) {
    this.bytes = new Uint8Array(slotBytes * slots);
    this.view = new DataView(this.bytes.buffer);
    this.meta = new Int32Array(slots * META_STRIDE);
    // Whoever posted a datagram to another thread by transfer would take away what the kernel writes to.
    markAsUntransferable(this.bytes.buffer);
    markAsUntransferable(this.meta.buffer);
  }
}

function open(native: NativeUdp, options: NativeSocketOptions): NativeSocket {
  try {
    return native.openSocket(options);
  } catch (error) {
    const { syscall } = error as { syscall?: string };
    throw fromSystemError(error as Error, syscall === 'connect' ? 'connect_failed' : 'bind_failed');
  }
}

/** Messages in one batch: with more, none of them costs less to receive. */
const DEFAULT_SLOTS = 64;
/** Room for the most that the kernel glues together. */
const GLUED_SLOT_BYTES = 65_536;
const CACHE_LINE_BYTES = 64;

function slotBytesFor(segmentation: boolean, maxDatagramBytes: number): number {
  if (segmentation) return GLUED_SLOT_BYTES;
  return Math.ceil(maxDatagramBytes / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
}

function slotsFor(slotBytes: number, slabBytes: number | undefined, maxBatch: number): number {
  const slots = slabBytes === undefined ? DEFAULT_SLOTS : Math.floor(slabBytes / slotBytes);
  return Math.max(1, Math.min(slots, maxBatch));
}
