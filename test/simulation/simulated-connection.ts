import type { CloseCode } from '../../src/base/close-code.ts';
import {
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
  type BatchArena,
} from '../../src/carrier/batch-arena.ts';
import { Connection } from '../../src/carrier/node/connection.ts';
import type { ConnectionCarrier } from '../../src/carrier/node/connection-carrier.ts';
import { ReceiveSlab } from '../../src/carrier/receive-slab.ts';
import type { ConnectionPipe, PipeItem } from './connection-pipe.ts';
import type { VirtualLoop } from './virtual-loop.ts';

/** Why the peer ended a connection, as a WebSocket tells it. */
export interface PeerEnd {
  readonly code: CloseCode;
  readonly reason: string;
}

/**
 * One end of a connection of a simulated network: what a socket is to the carriers for TCP and WebSocket. The carrier around
 * it, with its slots, limits and counters, is the real one.
 */
export class SimulatedConnection extends Connection {
  /** What the other end said when it ended this connection; undefined when it did not, or not in order. */
  peerEnd: PeerEnd | undefined;
  /** Told when this end ends the connection in order, for {@link peerEnd} of the other. */
  onEnd: (end: PeerEnd) => void = () => undefined;
  /** Told when this end resets it. */
  onReset: () => void = () => undefined;

  readonly #carrier: ConnectionCarrier;
  readonly #loop: VirtualLoop;
  readonly #out: ConnectionPipe;
  readonly #in: ConnectionPipe;
  readonly #slab: ReceiveSlab;
  #arrived: PipeItem[] = [];
  #isReading = false;
  #isDeliveryDue = false;
  #hasEnded = false;
  #isGone = false;

  /** @param slab memory that batches are lent from; it may be shared. */
  constructor(
    carrier: ConnectionCarrier,
    loop: VirtualLoop,
    out: ConnectionPipe,
    incoming: ConnectionPipe,
    slab: ReceiveSlab,
  ) {
    super();
    this.#carrier = carrier;
    this.#loop = loop;
    this.#out = out;
    this.#in = incoming;
    this.#slab = slab;
    out.onProgress = () => {
      if (!this.#isGone) carrier.written(this);
    };
    incoming.onArrival = (item) => {
      this.#arrived.push(item);
      this.#scheduleDelivery();
    };
  }

  get isWritable(): boolean {
    return !this.#hasEnded && !this.#isGone;
  }

  get queuedBytes(): number {
    return this.#isGone ? 0 : this.#out.queuedBytes;
  }

  /** Nothing is left of it. */
  get isGone(): boolean {
    return this.#isGone;
  }

  start(): void {
    this.resume();
  }

  override pause(): void {
    this.#isReading = false;
    this.#in.setReading(false);
  }

  override resume(): void {
    this.#isReading = true;
    this.#in.setReading(true);
    this.#scheduleDelivery();
  }

  send(arena: BatchArena, first: number, end: number): boolean {
    for (let i = first, at = first * DESCRIPTOR_STRIDE; i < end; i++, at += DESCRIPTOR_STRIDE) {
      const offset = arena.descriptors[at + DESCRIPTOR_OFFSET]!;
      this.#out.push(arena.bytes.slice(offset, offset + arena.descriptors[at + DESCRIPTOR_LENGTH]!));
    }
    return true;
  }

  end(code: CloseCode, reason: string): void {
    this.onEnd({ code, reason });
    this.#sendEnd();
    // What comes now is dropped; the end of the peer must be seen.
    this.resume();
  }

  destroy(): void {
    this.#sendEnd();
    this.#goLater();
  }

  reset(): void {
    this.#hasEnded = true;
    this.#out.cut();
    this.onReset();
    this.#goLater();
  }

  /** The system finds that the connection is broken. Called by the loop only. */
  breakDown(): void {
    if (this.#isGone) return;
    this.#carrier.failed(this, 'error');
    this.#go();
  }

  #sendEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#out.push('end');
  }

  #goLater(): void {
    this.#loop.at(this.#loop.now(), () => {
      this.#go();
    });
  }

  #go(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#arrived = [];
    this.#carrier.gone(this);
  }

  #scheduleDelivery(): void {
    if (this.#isDeliveryDue || !this.#isReading || this.#arrived.length === 0) return;
    this.#isDeliveryDue = true;
    this.#loop.afterNetwork(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#isDeliveryDue = false;
    if (!this.#isReading) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    const { maxDatagramBytes } = this.#carrier.capabilities;
    const slab = this.#slab;
    for (const item of arrived) {
      if (item === 'end') {
        this.#hand(slab);
        this.#meetEnd();
        return;
      }
      this.#in.taken(item.length);
      if (item.length > maxDatagramBytes) {
        this.#hand(slab);
        if (!this.isEnding) this.#carrier.fault(this, 'frame_oversize');
        return;
      }
      if (!slab.fits(item.length)) this.#hand(slab);
      slab.append(item, this.slot);
    }
    this.#hand(slab);
  };

  /** Gives the carrier what was gathered; nothing once its user let go of the connection. */
  #hand(slab: ReceiveSlab): void {
    if (slab.count > 0 && !this.isLeft && !this.isEnding) this.#carrier.deliver(slab);
    slab.clear();
  }

  /** The other end sends nothing more, and answers nothing. */
  #meetEnd(): void {
    if (this.isEnding || this.isLeft) this.destroy();
    else this.#carrier.peerClosed(this);
  }
}

/** The largest batch of one connection. */
export const CONNECTION_SLAB_BYTES = 128 * 1024;
