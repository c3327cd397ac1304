import { type Acknowledgement, readAcknowledgement, writeAcknowledgement } from './acknowledgement.ts';
import { Command } from './command.ts';
import {
  addressBlockBytesOf,
  type New,
  type Push,
  readDataSegment,
  writeDataSegment,
} from './data-segment.ts';
import { type DatagramSegment, readDatagramSegment, writeDatagramSegment } from './datagram-segment.ts';
import type { DecodeFault } from './decode-fault.ts';
import { type Drain, readDrain, writeDrain } from './drain.ts';
import { type Fin, readFin, writeFin } from './fin.ts';
import { type Kick, readKick, writeKick } from './kick.ts';
import type { WireMemory } from './memory.ts';
import { type Padding, readPadding, writePadding } from './padding.ts';
import { type PathProbe, readPathProbe, writePathProbe } from './path-probe.ts';
import { type ProbeAck, readProbeAck, writeProbeAck } from './probe-ack.ts';
import { type Probe, readProbe, writeProbe } from './probe.ts';
import { readReset, type Reset, writeReset } from './reset.ts';
import { checkSegment, commandOf, SEGMENT_HEADER_BYTES } from './segment.ts';

/**
 * Any segment as a plain object, told apart by `type` (a name of {@link Command}). Integers are unsigned. For tools, tests
 * and the rare commands; the packet path reads and writes fields in place.
 */
export type AnySegment =
  | New
  | Push
  | Acknowledgement
  | Kick
  | Fin
  | Probe
  | ProbeAck
  | Reset
  | PathProbe
  | Drain
  | DatagramSegment
  | Padding;

/**
 * Writes one segment at `at`.
 * @returns its length.
 * @throws RangeError when the memory ends before the segment does.
 */
export function writeAnySegment(memory: WireMemory, at: number, segment: AnySegment): number {
  switch (segment.type) {
    case 'new':
    case 'push':
      return writeDataSegment(memory, at, segment);
    case 'ack':
    case 'windowAsk':
    case 'windowTell':
      return writeAcknowledgement(memory, at, segment);
    case 'kick':
      return writeKick(memory, at, segment);
    case 'fin':
      return writeFin(memory, at, segment);
    case 'probe':
      return writeProbe(memory, at, segment);
    case 'probeAck':
      return writeProbeAck(memory, at, segment);
    case 'reset':
      return writeReset(memory, at, segment);
    case 'pathChallenge':
    case 'pathResponse':
      return writePathProbe(memory, at, segment);
    case 'drain':
      return writeDrain(memory, at, segment);
    case 'datagram':
      return writeDatagramSegment(memory, at, segment);
    case 'padding':
      return writePadding(memory, at, segment);
  }
}

/**
 * Reads the segment at `at`, which must end by `end`. Never throws and keeps nothing of `memory`.
 * @returns the segment, or why there is none.
 */
export function readAnySegment(memory: WireMemory, at: number, end: number): AnySegment | DecodeFault {
  const { view } = memory;
  if (end - at < SEGMENT_HEADER_BYTES) return 'truncated';
  const cmd = commandOf(view, at);
  if (checkSegment(view, at, end, addressBlockBytesOf(cmd)) === 0) return 'truncated';
  switch (cmd) {
    case Command.new:
    case Command.push:
      return readDataSegment(memory, at);
    case Command.ack:
    case Command.windowAsk:
    case Command.windowTell:
      return readAcknowledgement(memory, at);
    case Command.kick:
      return readKick(memory, at);
    case Command.fin:
      return readFin(memory, at);
    case Command.probe:
      return readProbe(memory, at);
    case Command.probeAck:
      return readProbeAck(memory, at);
    case Command.reset:
      return readReset(memory, at);
    case Command.pathChallenge:
    case Command.pathResponse:
      return readPathProbe(memory, at);
    case Command.drain:
      return readDrain(memory, at);
    case Command.datagram:
      return readDatagramSegment(memory, at);
    case Command.padding:
      return readPadding(memory, at);
    default:
      return 'unknown_command';
  }
}
