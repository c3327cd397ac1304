import { Command } from '../../../src/wire/command.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { PROBE_ACK_BYTES, readProbeAck } from '../../../src/wire/probe-ack.ts';
import { PROBE_MIN_BYTES, writeProbe } from '../../../src/wire/probe.ts';
import { checkSegment, commandOf, SEGMENT_HEADER_BYTES } from '../../../src/wire/segment.ts';
import type { GatewayCondition } from './probe-outcome.ts';

/** What a probe and its answer have in common. */
export interface ProbeIdentity {
  /** Counts probes, modulo 2^32. */
  readonly number: number;
  /** 32 random bits. */
  readonly nonce: number;
}

/** A PROBE for whoever receives it. */
export function probeDatagram({ number, nonce }: ProbeIdentity): Uint8Array {
  const bytes = new Uint8Array(PROBE_MIN_BYTES);
  writeProbe(wireMemory(bytes), 0, {
    type: 'probe',
    conv: 0,
    index: 0,
    ts: 0,
    number,
    nonce,
    paddingBytes: PROBE_MIN_BYTES - SEGMENT_HEADER_BYTES,
  });
  return bytes;
}

/**
 * What a datagram tells as the answer to a probe; undefined when it is none, is malformed, or answers another probe.
 */
export function answerIn(bytes: Uint8Array, { number, nonce }: ProbeIdentity): GatewayCondition | undefined {
  if (bytes.length !== PROBE_ACK_BYTES) return undefined;
  const memory = wireMemory(bytes);
  if (checkSegment(memory.view, 0, bytes.length, 0) !== PROBE_ACK_BYTES) return undefined;
  if (commandOf(memory.view, 0) !== Command.probeAck) return undefined;
  const ack = readProbeAck(memory, 0);
  if (typeof ack === 'string') return undefined;
  if (ack.conv !== 0 || ack.number !== number >>> 0 || ack.nonce !== nonce >>> 0) return undefined;
  const { load, draining, notReady, epochSeconds } = ack;
  return { load, draining, notReady, epochSeconds };
}
