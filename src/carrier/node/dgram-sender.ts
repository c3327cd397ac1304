import {
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../batch-arena.ts';
import type { AddressTable } from './address-table.ts';

/** What one queued datagram costs the process beside its bytes: the request and what it refers to. */
export const QUEUED_DATAGRAM_OVERHEAD_BYTES = 512;

type SendCallback = (error: Error | null) => void;

/** The part of `dgram.Socket` that sends. */
export interface SendingSocket {
  send(datagram: Uint8Array, callback?: SendCallback): void;
  send(datagram: Uint8Array, port: number, address: string, callback?: SendCallback): void;
  /** Bytes the process holds because the system would not take them at once. */
  getSendQueueSize(): number;
  /** Datagrams likewise. */
  getSendQueueCount(): number;
}

export interface DgramSenderConfig {
  readonly socket: SendingSocket;
  readonly addresses: AddressTable;
  /** The slot a connected socket sends to, or -1 for an unconnected socket. */
  readonly connectedSlot: number;
  /** Larger datagrams are dropped. */
  readonly maxDatagramBytes: number;
  /** The most bytes queued in the process, {@link QUEUED_DATAGRAM_OVERHEAD_BYTES} added for each datagram. */
  readonly maxQueueBytes: number;
  /** Called with what the system said about the first datagram of a batch. */
  readonly onError: (error: Error) => void;
}

/**
 * Sends batches through `dgram`, which takes one datagram a call.
 *
 * Nothing waits for a completion: a callback costs an object and a tick per datagram, so only the first of a batch has
 * one, to learn about errors. The bytes must stay as they are only for datagrams that the system did not take at once.
 */
export class DgramSender {
  sentDatagrams = 0;
  sentBytes = 0;
  drops = 0;

  readonly #socket: SendingSocket;
  readonly #addresses: AddressTable;
  readonly #connectedSlot: number;
  readonly #maxDatagramBytes: number;
  readonly #maxQueueBytes: number;
  readonly #onFirstSent: SendCallback;
  /** The previous batch left datagrams in the queue, so that whatever follows is queued too. */
  #queueing = false;

  constructor(config: DgramSenderConfig) {
    this.#socket = config.socket;
    this.#addresses = config.addresses;
    this.#connectedSlot = config.connectedSlot;
    this.#maxDatagramBytes = config.maxDatagramBytes;
    this.#maxQueueBytes = config.maxQueueBytes;
    this.#onFirstSent = (error) => {
      if (error !== null) config.onError(error);
    };
  }

  /** See `DatagramSocket.sendBatch`. */
  sendBatch(bytes: Uint8Array, descriptors: Int32Array, count: number): boolean {
    if (this.#queueing && this.#socket.getSendQueueCount() > 0) {
      this.#queueBatch(bytes, descriptors, count);
      return true;
    }
    for (let i = 0; i < count; i++) {
      const at = i * DESCRIPTOR_STRIDE;
      const offset = descriptors[at + DESCRIPTOR_OFFSET]!;
      const length = descriptors[at + DESCRIPTOR_LENGTH]!;
      const slot = descriptors[at + DESCRIPTOR_ADDRESS]!;
      if (this.#canSend(length, slot)) this.#send(bytes.subarray(offset, offset + length), slot, i === 0);
      else this.drops++;
    }
    this.#queueing = this.#socket.getSendQueueCount() > 0;
    return !this.#queueing;
  }

  /** Sends behind a queue: each datagram will be queued, so it gets memory of its own size, within the bound. */
  #queueBatch(bytes: Uint8Array, descriptors: Int32Array, count: number): void {
    const socket = this.#socket;
    const used = socket.getSendQueueSize() + socket.getSendQueueCount() * QUEUED_DATAGRAM_OVERHEAD_BYTES;
    let room = this.#maxQueueBytes - used;
    for (let i = 0; i < count; i++) {
      const at = i * DESCRIPTOR_STRIDE;
      const offset = descriptors[at + DESCRIPTOR_OFFSET]!;
      const length = descriptors[at + DESCRIPTOR_LENGTH]!;
      const slot = descriptors[at + DESCRIPTOR_ADDRESS]!;
      const cost = length + QUEUED_DATAGRAM_OVERHEAD_BYTES;
      if (cost <= room && this.#canSend(length, slot)) {
        room -= cost;
        this.#send(bytes.slice(offset, offset + length), slot, i === 0);
      } else {
        this.drops++;
      }
    }
  }

  #canSend(length: number, slot: number): boolean {
    if (length > this.#maxDatagramBytes) return false;
    return this.#connectedSlot < 0 ? this.#addresses.has(slot) : slot === this.#connectedSlot;
  }

  #send(datagram: Uint8Array, slot: number, first: boolean): void {
    const callback = first ? this.#onFirstSent : undefined;
    if (this.#connectedSlot < 0) {
      this.#socket.send(datagram, this.#addresses.portOf(slot), this.#addresses.textOf(slot), callback);
    } else {
      this.#socket.send(datagram, callback);
    }
    this.sentDatagrams++;
    this.sentBytes += datagram.length;
  }
}
