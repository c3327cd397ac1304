import { resolveKcpConfig, type KcpOptions } from '../../../src/kcp/config.ts';
import { KcpEngine } from '../../../src/kcp/engine.ts';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import {
  SEGMENT_HEADER_BYTES,
  commandOf,
  conversationOf,
  fragmentOf,
  payloadLengthOf,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from '../../../src/wire/segment.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';

export const CONV = 0x01020304;

/** One segment as a test writes or reads it. Numbers are unsigned. */
export interface SegmentFields {
  readonly conv: number;
  readonly cmd: number;
  readonly frg: number;
  readonly wnd: number;
  readonly ts: number;
  readonly sn: number;
  readonly una: number;
  /** What the `len` field says. */
  readonly len: number;
  readonly payload: Uint8Array;
}

/** The bytes of one segment. `len` is the payload's unless a test lies about it. */
export function segment(fields: Partial<SegmentFields> & { readonly cmd: number }): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES + payload.length);
  writeSegmentHeader(
    new DataView(bytes.buffer),
    0,
    fields.conv ?? CONV,
    fields.cmd,
    fields.frg ?? 0,
    fields.wnd ?? 128,
    fields.ts ?? 0,
    fields.sn ?? 0,
    fields.una ?? 0,
    fields.len ?? payload.length,
  );
  bytes.set(payload, SEGMENT_HEADER_BYTES);
  return bytes;
}

export const push = (sn: number, fields: Partial<SegmentFields> = {}): Uint8Array =>
  segment({ cmd: 81, sn, payload: Uint8Array.of(sn & 0xff), ...fields });
export const ack = (sn: number, fields: Partial<SegmentFields> = {}): Uint8Array =>
  segment({ cmd: 82, sn, ...fields });
export const windowAsk = (fields: Partial<SegmentFields> = {}): Uint8Array => segment({ cmd: 83, ...fields });
export const windowTell = (wnd: number, fields: Partial<SegmentFields> = {}): Uint8Array =>
  segment({ cmd: 84, wnd, ...fields });

/** Segments back to back. */
function datagram(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Every segment of a well-formed datagram. Throws when it is not well-formed: engines must not write such. */
export function segmentsOf(bytes: Uint8Array): SegmentFields[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments: SegmentFields[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < SEGMENT_HEADER_BYTES)
      throw new Error(`${String(bytes.length - at)} bytes left over`);
    const len = payloadLengthOf(view, at);
    const payloadAt = at + SEGMENT_HEADER_BYTES;
    if (len > bytes.length - payloadAt) throw new Error(`len ${String(len)} goes beyond the datagram`);
    segments.push({
      conv: conversationOf(view, at),
      cmd: commandOf(view, at),
      frg: fragmentOf(view, at),
      wnd: windowOf(view, at),
      ts: timestampOf(view, at) >>> 0,
      sn: sequenceOf(view, at) >>> 0,
      una: unacknowledgedOf(view, at) >>> 0,
      len,
      payload: bytes.slice(payloadAt, payloadAt + len),
    });
    at = payloadAt + len;
  }
  return segments;
}

/** One engine and its surroundings, driven step by step. */
export class EngineDriver {
  readonly engine: KcpEngine;
  readonly pool: SegmentPool;
  /** The time of the next step, in ms. */
  nowMs = 1000;

  readonly #arena = new DatagramArena(256 * 1024);

  constructor(options: Partial<KcpOptions> = {}) {
    const config = resolveKcpConfig({ conv: CONV, ...options });
    this.pool = new SegmentPool({ slotBytes: config.mtu });
    this.engine = new KcpEngine(config, this.pool);
  }

  /** Gives the engine one datagram, somewhere inside a larger slab. Returns its fault. */
  handle(...parts: readonly Uint8Array[]): number {
    const bytes = datagram(...parts);
    const slab = new Uint8Array(bytes.length + 20).fill(0xaa);
    slab.set(bytes, 10);
    return this.engine.handleDatagram(this.nowMs, slab, new DataView(slab.buffer), 10, bytes.length);
  }

  send(bytes: Uint8Array): number {
    return this.engine.send(bytes, 0, bytes.length);
  }

  /** Sends `count` messages of one byte. */
  sendMany(count: number): void {
    for (let index = 0; index < count; index++) this.send(Uint8Array.of(index & 0xff));
  }

  /** Drains the engine and returns the datagrams, none larger than `maxDatagramBytes`. */
  drain(maxDatagramBytes?: number): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    const keep = (bytes: Uint8Array, offset: number, length: number): void => {
      datagrams.push(bytes.slice(offset, offset + length));
    };
    while (this.engine.pollTransmit(this.nowMs, this.#arena, this.nowMs, maxDatagramBytes))
      this.#arena.drain(keep);
    this.#arena.drain(keep);
    return datagrams;
  }

  /** Drains the engine and returns the segments of all datagrams. */
  flush(maxDatagramBytes?: number): SegmentFields[] {
    return this.drain(maxDatagramBytes).flatMap(segmentsOf);
  }

  /** Moves to the engine's next deadline and drains. */
  flushAtDeadline(): SegmentFields[] {
    this.nowMs = this.engine.nextDeadline();
    return this.flush();
  }

  /** Takes complete messages, at most `limit` pieces of them. */
  receive(limit = Infinity): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let pieces: Uint8Array[] = [];
    let taken = 0;
    this.engine.receive({
      write: (bytes, offset, length, endOfMessage) => {
        pieces.push(bytes.slice(offset, offset + length));
        if (endOfMessage) {
          messages.push(datagram(...pieces));
          pieces = [];
        }
        return ++taken < limit;
      },
    });
    return messages;
  }
}

export const sequencesOf = (segments: readonly SegmentFields[], cmd: number): number[] =>
  segments.filter((one) => one.cmd === cmd).map((one) => one.sn);
