import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import {
  META_ADDRESS,
  META_STRIDE,
  type CarrierCapabilities,
  type CarrierStats,
  type ReceiveBatch,
} from '../carrier.ts';
import { ReceiveSlab } from '../receive-slab.ts';
import { AddressTable } from './address-table.ts';
import { BatchErrors } from './batch-errors.ts';
import {
  resolveDatagramSocketConfig,
  type DatagramSocket,
  type DatagramSocketConfig,
  type DatagramSocketOptions,
  type SocketBufferSizes,
} from './datagram-socket.ts';
import { DgramSender } from './dgram-sender.ts';
import { sizeSocketBuffers } from './socket-buffers.ts';

/**
 * Opens a {@link DatagramSocket} on `node:dgram`. What arrives before `start` waits in the slab.
 * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed` or `connect_failed`; `config_invalid` for options
 * that only the native implementation has.
 */
export async function createDgramSocket(options: DatagramSocketOptions): Promise<DatagramSocket> {
  refuseNativeOptions(options);
  const socket = createSocket({
    type: options.bind.family === 6 ? 'udp6' : 'udp4',
    ipv6Only: options.ipv6Only ?? false,
    // Addresses are always literal: answering at once keeps the resolver and its ticks off the packet path.
    lookup: (hostname, _options, callback) => callback(null, hostname, options.bind.family),
  });
  try {
    await bind(socket, options.bind);
    if (options.remote !== undefined) await connect(socket, options.bind.family, options.remote);
    return new DgramSocket(socket, options);
  } catch (error) {
    socket.close();
    throw error;
  }
}

class DgramSocket implements DatagramSocket {
  readonly implementation = 'dgram';
  readonly localAddress: SocketAddress;
  readonly capabilities: CarrierCapabilities;
  readonly bufferSizes: SocketBufferSizes;

  readonly #socket: Socket;
  readonly #config: DatagramSocketConfig;
  readonly #addresses: AddressTable;
  /** Retained for good, so that it keeps its slot. */
  readonly #connectedSlot: number;
  readonly #sender: DgramSender;

  /** Each datagram in it holds a reference to the slot of its sender. */
  readonly #slab: ReceiveSlab;
  readonly #deliverThisTurn = (): void => {
    this.#immediate = undefined;
    const moreWaiting = this.#readThisTurn >= READS_PER_TURN;
    this.#readThisTurn = 0;
    this.#deliver(moreWaiting);
  };
  /** Datagrams since the last turn's delivery. */
  #readThisTurn = 0;
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #closing: Promise<void> | undefined;

  #receivedDatagrams = 0;
  #receivedBytes = 0;
  #receiveBatches = 0;
  #oversizeDrops = 0;
  #receiveDrops = 0;
  #socketErrors = 0;
  readonly #batchErrors: BatchErrors;

  /** @param socket bound, and connected when there is a remote address. */
  constructor(socket: Socket, options: DatagramSocketOptions) {
    const config = resolveDatagramSocketConfig(options);
    const { maxDatagramBytes, maxBatch, maxQueueBytes, logger } = config;
    this.#socket = socket;
    this.#config = config;
    this.#batchErrors = new BatchErrors(logger);
    this.#slab = new ReceiveSlab(Math.max(options.slabBytes ?? 1024 * 1024, maxDatagramBytes), maxBatch);
    this.localAddress = localAddressOf(socket);
    this.capabilities = { maxDatagramBytes, reliable: false, ordered: false, maxBatch, segmentation: false };
    this.bufferSizes = sizeSocketBuffers(socket, config.bufferBytes, process.platform, logger);
    this.#addresses = new AddressTable(config.maxAddresses);
    this.#connectedSlot = config.remote === undefined ? -1 : this.intern(config.remote);
    this.#sender = new DgramSender({
      socket,
      addresses: this.#addresses,
      connectedSlot: this.#connectedSlot,
      maxDatagramBytes,
      maxQueueBytes,
      onError: (error) => this.#report(error),
    });
    socket.on('message', (datagram, from) => this.#receive(datagram, from));
    socket.on('error', (error) => this.#report(error));
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#onBatch = onBatch;
    if (this.#slab.count > 0) this.#deliverLater();
  }

  sendBatch(bytes: Uint8Array, descriptors: Int32Array, count: number): boolean {
    if (this.#closing === undefined) return this.#sender.sendBatch(bytes, descriptors, count);
    this.#sender.drops += count;
    return true;
  }

  intern(address: SocketAddress): number {
    const text = textFor(this.localAddress.family, address);
    if (text === undefined || (this.#config.ipv6Only && address.family === 4)) return -1;
    return this.#addresses.intern(text, address.port);
  }

  retain(slot: number): void {
    this.#addresses.retain(slot);
  }

  release(slot: number): void {
    this.#addresses.release(slot);
  }

  addressOf(slot: number): SocketAddress {
    return this.#addresses.addressOf(slot);
  }

  stats(): CarrierStats {
    return {
      receivedDatagrams: this.#receivedDatagrams,
      receivedBytes: this.#receivedBytes,
      receiveBatches: this.#receiveBatches,
      receiveCalls: 0,
      oversizeDrops: this.#oversizeDrops,
      receiveDrops: this.#receiveDrops,
      batchErrors: this.#batchErrors.count,
      sentDatagrams: this.#sender.sentDatagrams,
      sentBytes: this.#sender.sentBytes,
      sendCalls: 0,
      segmentedSends: 0,
      sendDrops: this.#sender.drops,
      socketErrors: this.#socketErrors,
    };
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      clearImmediate(this.#immediate);
      this.#onBatch = undefined;
      this.#socket.close(resolve);
    });
    return this.#closing;
  }

  #receive(datagram: Uint8Array, from: RemoteInfo): void {
    if (datagram.length > this.capabilities.maxDatagramBytes) {
      this.#oversizeDrops++;
      return;
    }
    if (!this.#slab.fits(datagram.length)) this.#deliver(true);
    this.#readThisTurn++;
    const slot = this.#slab.fits(datagram.length) ? this.#addresses.intern(from.address, from.port) : -1;
    if (slot < 0) {
      this.#receiveDrops++;
      return;
    }
    if (this.#connectedSlot >= 0 && slot !== this.#connectedSlot) {
      // It was in the kernel's queue before the socket was connected.
      this.#addresses.release(slot);
      this.#receiveDrops++;
      return;
    }
    this.#slab.append(datagram, slot);
    this.#receivedDatagrams++;
    this.#receivedBytes += datagram.length;
    if (this.#immediate === undefined && this.#onBatch !== undefined) this.#deliverLater();
  }

  /** Everything else that is ready in this turn joins the batch. */
  #deliverLater(): void {
    this.#immediate = setImmediate(this.#deliverThisTurn);
  }

  #deliver(moreWaiting: boolean): void {
    const slab = this.#slab;
    if (this.#onBatch === undefined || slab.count === 0) return;
    this.#receiveBatches++;
    slab.moreWaiting = moreWaiting;
    try {
      this.#onBatch(slab);
    } catch (error) {
      this.#batchErrors.add(error);
    }
    for (let i = 0; i < slab.count; i++) this.#addresses.release(slab.meta[i * META_STRIDE + META_ADDRESS]!);
    slab.clear();
  }

  #report(error: Error): void {
    this.#socketErrors++;
    try {
      // A connected socket has one peer; otherwise `dgram` does not tell whom an error is about.
      this.#config.onError?.(fromSystemError(error), this.#connectedSlot);
    } catch (thrown) {
      this.#config.logger.error('a socket error callback threw', { error: thrown });
    }
  }
}

function refuseNativeOptions({ descriptor, reusePort }: DatagramSocketOptions): void {
  if (descriptor === undefined && reusePort !== true) return;
  const option = descriptor === undefined ? 'several sockets on one port' : 'an inherited socket';
  throw new GatewayError(
    'config_invalid',
    `${option} can only be used with the native addon, which is not loaded`,
  );
}

async function bind(socket: Socket, address: SocketAddress): Promise<void> {
  try {
    // Waiting before binding: with a lookup that answers at once the event comes before bind returns.
    const listening = once(socket, 'listening');
    // Exclusive: in a cluster worker too this process owns the socket.
    socket.bind({ address: address.address, port: address.port, exclusive: true });
    await listening;
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike, 'bind_failed');
  }
}

async function connect(socket: Socket, family: 4 | 6, remote: SocketAddress): Promise<void> {
  try {
    const text = textFor(family, remote);
    if (text === undefined) throw new RangeError('an IPv4 socket cannot reach an IPv6 address');
    const connected = once(socket, 'connect');
    socket.connect(remote.port, text);
    await connected;
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike, 'connect_failed');
  }
}

function localAddressOf(socket: Socket): SocketAddress {
  const { address, family, port } = socket.address();
  return { address, family: family === 'IPv6' ? 6 : 4, port };
}

/** libuv reads so many datagrams of a socket in one turn of the event loop and leaves the rest for the next. */
const READS_PER_TURN = 32;

const V4_MAPPED = '::ffff:';

/** The text a socket of this family knows an address by: an IPv6 socket sees IPv4 peers as v4-mapped. */
function textFor(family: 4 | 6, { address, family: addressFamily }: SocketAddress): string | undefined {
  if (family === addressFamily) return address;
  if (family === 6) return V4_MAPPED + address;
  return address.startsWith(V4_MAPPED) && address.includes('.') ? address.slice(V4_MAPPED.length) : undefined;
}
