import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from '../../carrier/carrier.ts';
import { Command } from '../../wire/command.ts';
import { PROBE_ACK_BYTES, readProbeAck, type ProbeAck } from '../../wire/probe-ack.ts';
import { writeProbe } from '../../wire/probe.ts';
import { checkSegment, commandOf, SEGMENT_HEADER_BYTES } from '../../wire/segment.ts';
import type { OpenedLine } from './client-platform.ts';

/** What comes from a {@link ProbeCarrier}. */
export interface ProbeCarrierEvents {
  /** A well-formed PROBE_ACK, of whatever probe. */
  answered(ack: ProbeAck): void;
  /** Its connection broke. */
  lost(): void;
}

/** What a probe is told apart by, and how long it is. */
export interface OutgoingProbe {
  /** 0 to 255. */
  readonly index: number;
  readonly number: number;
  /** 32 bits that others cannot guess. */
  readonly nonce: number;
  /** All in all, at least 64. */
  readonly bytes: number;
}

/** A carrier of its own for PROBEs on one line. */
export class ProbeCarrier {
  readonly #opened: OpenedLine;
  readonly #events: ProbeCarrierEvents;
  #closing: Promise<void> | undefined;

  /** @param opened is this one's from now on. */
  constructor(opened: OpenedLine, events: ProbeCarrierEvents) {
    this.#opened = opened;
    this.#events = events;
    opened.carrier.start((batch) => this.#receive(batch), {
      disconnected: () => {
        if (this.#closing === undefined) events.lost();
      },
    });
  }

  /** @returns false when there was no room, or it is closed. */
  send({ index, number, nonce, bytes }: OutgoingProbe, now: number): boolean {
    if (this.#closing !== undefined) return false;
    const { carrier, slot } = this.#opened;
    const { arena } = carrier;
    arena.target = slot;
    const at = arena.reserve(bytes);
    if (at < 0) return false;
    const paddingBytes = bytes - SEGMENT_HEADER_BYTES;
    writeProbe(arena, at, { type: 'probe', conv: 0, index, ts: now, number, nonce, paddingBytes });
    arena.commit(bytes);
    carrier.flush();
    return true;
  }

  /** Nothing comes from it any more. Resolves when nothing is left of it. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  #release(): Promise<void> {
    this.#opened.carrier.release(this.#opened.slot);
    return this.#opened.carrier.close();
  }

  #receive(batch: ReceiveBatch): void {
    const { meta, count } = batch;
    for (let row = 0; row < count * META_STRIDE; row += META_STRIDE) {
      if (meta[row + META_ADDRESS] !== this.#opened.slot) continue;
      const at = meta[row + META_OFFSET] ?? 0;
      const length = meta[row + META_LENGTH] ?? 0;
      const size = meta[row + META_SEGMENT_SIZE] ?? 0;
      const step = size > 0 ? size : Math.max(1, length);
      for (let offset = 0; offset < length; offset += step) {
        this.#read(batch, at + offset, Math.min(step, length - offset));
      }
    }
  }

  #read(batch: ReceiveBatch, at: number, length: number): void {
    if (this.#closing !== undefined) return;
    if (checkSegment(batch.view, at, at + length, 0) !== PROBE_ACK_BYTES) return;
    if (commandOf(batch.view, at) !== Command.probeAck) return;
    const ack = readProbeAck(batch, at);
    if (typeof ack !== 'string') this.#events.answered(ack);
  }
}

/** What the carrier of a {@link ProbeCarrier} is opened with. */
export const PROBE_CARRIER = { maxDatagramBytes: 2048, isForProbes: true } as const;
