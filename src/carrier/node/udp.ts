import type { NativeLoad } from '../../../native-bindings/index.ts';
import type { SocketAddress } from '../../base/address.ts';
import { NO_LOG } from '../../base/logger.ts';
import { BatchArena } from '../batch-arena.ts';
import type { Carrier, CarrierCapabilities, CarrierStats, ReceiveBatch } from '../carrier.ts';
import { createDatagramSocket } from './create-datagram-socket.ts';
import type { DatagramSocket, DatagramSocketOptions } from './datagram-socket.ts';
import { openDualStack } from './dual-stack.ts';

export interface UdpCarrierOptions extends DatagramSocketOptions {
  /** What does the work. Default: the addon where it is loaded, `node:dgram` otherwise. */
  readonly native?: NativeLoad;
  /** Memory of the send arena. Default 256 KiB. */
  readonly arenaBytes?: number;
}

/**
 * Opens a UDP carrier. `bind` may be IPv4, IPv6, or `::` for both; where the machine has no IPv6, `::` becomes
 * `0.0.0.0` with a line in the log.
 * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed` or `connect_failed`.
 */
export async function createUdpCarrier(options: UdpCarrierOptions): Promise<Carrier> {
  const socket = await openDualStack(options, options.logger ?? NO_LOG, (bind) =>
    createDatagramSocket({ ...options, bind }, options.native),
  );
  const arena = new BatchArena({
    bytes: options.arenaBytes ?? 256 * 1024,
    maxDatagrams: socket.capabilities.maxBatch,
  });
  return new UdpCarrier(socket, arena);
}

class UdpCarrier implements Carrier {
  readonly kind = 'udp';
  readonly arena: BatchArena;
  readonly #socket: DatagramSocket;
  /** Released while datagrams may wait in the arena for them: kept until those are sent. */
  readonly #releasedSlots: number[] = [];

  constructor(socket: DatagramSocket, arena: BatchArena) {
    this.#socket = socket;
    this.arena = arena;
  }

  get capabilities(): CarrierCapabilities {
    return this.#socket.capabilities;
  }

  get localAddress(): SocketAddress {
    return this.#socket.localAddress;
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#socket.start((batch) => {
      try {
        onBatch(batch);
      } finally {
        this.flush();
      }
    });
  }

  flush(): void {
    const arena = this.arena;
    if (arena.count === 0) return;
    if (this.#socket.sendBatch(arena.bytes, arena.descriptors, arena.count)) arena.reset();
    else arena.replace();
    if (this.#releasedSlots.length === 0) return;
    for (const slot of this.#releasedSlots) this.#socket.release(slot);
    this.#releasedSlots.length = 0;
  }

  intern(address: SocketAddress): number {
    return this.#socket.intern(address);
  }

  retain(slot: number): void {
    this.#socket.retain(slot);
  }

  release(slot: number): void {
    if (this.arena.count === 0) this.#socket.release(slot);
    else this.#releasedSlots.push(slot);
  }

  addressOf(slot: number): SocketAddress {
    return this.#socket.addressOf(slot);
  }

  stats(): CarrierStats {
    return this.#socket.stats();
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
