import type { SocketAddress } from '../../base/address.ts';
import { DatagramBlockWriter, type DatagramBlock } from './datagram-block.ts';

/** Datagrams of one UDP socket that the kernel gave to the wrong worker. Plain data. */
export interface HandedDatagrams {
  /** The socket's place among those of a worker. */
  readonly socket: number;
  /** As they arrived; the slot of each is the place of its sender in `senders`. */
  readonly datagrams: DatagramBlock;
  readonly senders: readonly SocketAddress[];
}

/** Sends what came to the wrong worker on its way to the right one. */
export type PostHandOver = (worker: number, handed: HandedDatagrams) => void;

/**
 * What a worker hands over to the others: gathered while a batch is taken, posted when it ends, and bounded for each worker
 * by what that has not taken yet. Like a network it drops what is beyond, and counts it.
 */
export class HandOver {
  /** Datagrams that went on. */
  handedOn = 0;
  readonly #post: PostHandOver;
  readonly #outgoing: readonly Outgoing[];

  constructor(workers: number, post: PostHandOver) {
    this.#post = post;
    this.#outgoing = Array.from({ length: workers }, () => new Outgoing());
  }

  /**
   * Takes a datagram for another worker, until {@link flush}.
   * @param slot of its sender, as long as nothing is flushed; `addressOf` tells who that is.
   * @returns false when it was not taken.
   */
  add(
    worker: number,
    socket: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    slot: number,
    addressOf: (slot: number) => SocketAddress,
  ): boolean {
    const out = this.#outgoing[worker];
    if (out === undefined || out.awayBytes + out.writer.byteLength + length > MAX_AWAY_BYTES) return false;
    if (out.writer.count > 0 && (out.socket !== socket || !out.writer.fits(length))) this.#send(worker, out);
    out.socket = socket;
    if (slot !== out.lastSlot) {
      out.lastSlot = slot;
      out.senders.push(addressOf(slot));
    }
    out.writer.add(bytes, offset, length, out.senders.length - 1);
    this.handedOn++;
    return true;
  }

  /** Posts what was added. */
  flush(): void {
    for (let worker = 0; worker < this.#outgoing.length; worker++) {
      const out = this.#outgoing[worker]!;
      if (out.writer.count > 0) this.#send(worker, out);
    }
  }

  /** A worker took what was handed to it, or it is lost. @param bytes of the datagrams. */
  arrived(worker: number, bytes: number): void {
    const out = this.#outgoing[worker];
    // A word for the one that died before this one came too late.
    if (out !== undefined) out.awayBytes = Math.max(0, out.awayBytes - bytes);
  }

  #send(worker: number, out: Outgoing): void {
    const { socket, senders, writer } = out;
    const datagrams = writer.take();
    if (datagrams === null) return;
    out.senders = [];
    out.lastSlot = NOBODY;
    out.awayBytes += handedBytes(datagrams);
    this.#post(worker, { socket, datagrams, senders });
  }
}

/** How much of the bound a block takes. */
export const handedBytes = ({ memory }: DatagramBlock): number => memory.byteLength;

/** For one worker. */
class Outgoing {
  readonly writer = new DatagramBlockWriter();
  /** Posted and not taken. */
  awayBytes = 0;
  /** Of the datagrams in the writer. */
  socket = 0;
  senders: SocketAddress[] = [];
  lastSlot = NOBODY;
}

const NOBODY = -1;
/** On its way from one worker to another. */
const MAX_AWAY_BYTES = 1024 * 1024;
