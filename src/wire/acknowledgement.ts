import { Command } from './command.ts';
import type { WireMemory } from './memory.ts';
import {
  commandOf,
  conversationOf,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from './segment.ts';

/**
 * The commands of the reference that are a bare header: ACK, WASK (`windowAsk`) and WINS (`windowTell`).
 * `una` and `wnd` say what arrived and what room there is in all three.
 */
export interface Acknowledgement {
  readonly type: 'ack' | 'windowAsk' | 'windowTell';
  readonly conv: number;
  readonly wnd: number;
  /** ACK: the `ts` of the segment it acknowledges. The others: whatever was left there, ignored. */
  readonly ts: number;
  /** ACK: the `sn` it acknowledges. The others: ignored. */
  readonly sn: number;
  readonly una: number;
}

/** Writes one. Returns 24. */
export function writeAcknowledgement(memory: WireMemory, at: number, segment: Acknowledgement): number {
  const { conv, wnd, ts, sn, una } = segment;
  writeSegmentHeader(memory.view, at, conv, Command[segment.type], 0, wnd, ts, sn, una, 0);
  return SEGMENT_HEADER_BYTES;
}

/** Reads one that `checkSegment` accepted; a payload is ignored. */
export function readAcknowledgement(memory: WireMemory, at: number): Acknowledgement {
  const { view } = memory;
  return {
    type: typeOf(commandOf(view, at)),
    conv: conversationOf(view, at),
    wnd: windowOf(view, at),
    ts: timestampOf(view, at) >>> 0,
    sn: sequenceOf(view, at) >>> 0,
    una: unacknowledgedOf(view, at) >>> 0,
  };
}

function typeOf(cmd: number): Acknowledgement['type'] {
  if (cmd === Command.windowAsk) return 'windowAsk';
  return cmd === Command.windowTell ? 'windowTell' : 'ack';
}
