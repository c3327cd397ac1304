import type { SocketAddress } from '../../base/address.ts';
import { DatagramBlockWriter } from './datagram-block.ts';
import type { ConnectionBytes, LineInput, OpenedConnection } from './line-message.ts';

/** From one line to one worker: what is to be said next, and which connections the worker knows. */
export class LineLane {
  /** Bytes of datagrams that were added and that the worker did not take yet. */
  postedBytes = 0;
  readonly #line: number;
  readonly #writer = new DatagramBlockWriter();
  /** Slots that the worker names, or may name. */
  readonly #held = new Set<number>();
  #opened: OpenedConnection[] = [];
  #sent: ConnectionBytes[] = [];
  #closed: number[] = [];

  constructor(line: number) {
    this.#line = line;
  }

  /** The worker knows that connection, or did and has not released it. */
  holds(slot: number): boolean {
    return this.#held.has(slot);
  }

  open(slot: number, address: SocketAddress): void {
    this.#held.add(slot);
    this.#opened.push({ slot, address });
  }

  /** Whether one more datagram fits into this message. */
  fits(length: number): boolean {
    return this.#writer.fits(length);
  }

  add(bytes: Uint8Array, offset: number, length: number, slot: number): void {
    this.#writer.add(bytes, offset, length, slot);
    this.postedBytes += length;
  }

  acknowledge(slot: number, bytes: number): void {
    this.#sent.push({ slot, bytes });
  }

  /** The connection is gone. The worker still holds its slot. */
  close(slot: number): void {
    this.#closed.push(slot);
  }

  /** The worker does not name a slot any more. @returns whether it did. */
  release(slot: number): boolean {
    return this.#held.delete(slot);
  }

  /** The next message; undefined when there is nothing to say. */
  take(): LineInput | undefined {
    const datagrams = this.#writer.take();
    const isEmpty = this.#opened.length + this.#sent.length + this.#closed.length === 0;
    if (datagrams === null && isEmpty) return undefined;
    const input = {
      line: this.#line,
      opened: this.#opened,
      datagrams,
      sent: this.#sent,
      closed: this.#closed,
    };
    if (isEmpty) return input;
    this.#opened = [];
    this.#sent = [];
    this.#closed = [];
    return input;
  }

  /** The worker is gone. @returns the slots it held. */
  reset(): readonly number[] {
    const slots = [...this.#held];
    this.#held.clear();
    this.take();
    this.postedBytes = 0;
    return slots;
  }
}
