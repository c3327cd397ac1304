import { Command } from './command.ts';
import type { WireMemory } from './memory.ts';
import {
  conversationOf,
  fragmentOf,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from './segment.ts';

/** A FIN or FIN_ACK is a bare header. */
export const FIN_BYTES = SEGMENT_HEADER_BYTES;

/** Ends one direction (FIN), or says that its end was reached (FIN_ACK). */
export interface Fin {
  readonly type: 'fin';
  /** True for FIN_ACK. */
  readonly acknowledges: boolean;
  readonly conv: number;
  readonly wnd: number;
  readonly una: number;
  /** The first sn that will never be sent; a FIN_ACK repeats it. */
  readonly finalSn: number;
  /** A close code; 0 = normal. */
  readonly code: number;
}

/** Whether a segment with the FIN command is a FIN_ACK. */
export const isFinAck = (view: DataView, at: number): boolean => fragmentOf(view, at) !== 0;
/** The first sn that will never be sent; signed, to be compared by difference. */
export const finalSequenceOf = (view: DataView, at: number): number => sequenceOf(view, at);
/** Close code of a FIN; 0 = normal. */
export const finCodeOf = (view: DataView, at: number): number => timestampOf(view, at) >>> 0;

/** Writes a FIN or FIN_ACK. Returns {@link FIN_BYTES}. */
export function writeFin(memory: WireMemory, at: number, fin: Fin): number {
  const frg = fin.acknowledges ? 1 : 0;
  writeSegmentHeader(memory.view, at, fin.conv, Command.fin, frg, fin.wnd, fin.code, fin.finalSn, fin.una, 0);
  return FIN_BYTES;
}

/** Reads a FIN or FIN_ACK that `checkSegment` accepted; a payload is ignored. */
export function readFin(memory: WireMemory, at: number): Fin {
  const { view } = memory;
  return {
    type: 'fin',
    acknowledges: isFinAck(view, at),
    conv: conversationOf(view, at),
    wnd: windowOf(view, at),
    una: unacknowledgedOf(view, at) >>> 0,
    finalSn: finalSequenceOf(view, at) >>> 0,
    code: finCodeOf(view, at),
  };
}
