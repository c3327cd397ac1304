import { resolveKcpConfig } from '../../src/kcp/config.ts';
import { DATAGRAM_FAULT_NAMES } from '../../src/kcp/datagram-fault.ts';
import { KcpEngine } from '../../src/kcp/engine.ts';
import { SegmentPool } from '../../src/kcp/segment-pool.ts';
import type { KcpStats } from '../../src/kcp/stats.ts';
import { Command } from '../../src/wire/command.ts';
import {
  SEGMENT_HEADER_BYTES,
  commandOf,
  conversationOf,
  payloadLengthOf,
  sequenceOf,
  unacknowledgedOf,
} from '../../src/wire/segment.ts';
import { DatagramArena } from '../simulation/datagram-arena.ts';
import type { Operation, ProgramConfig } from './kcp-program.ts';

export const FUZZ_CONV = 0x6b637067;

/** The largest MTU an operation may set, and the largest datagram the engine may write. */
const MAX_FUZZ_MTU = 1400;
const LARGEST_MESSAGE_SEGMENTS = 255;
const LARGEST_SEND_BYTES = 1 << 16;
/** Segments that go at once on a path nobody knows. */
const RESTART_SEGMENTS = 64;
/** Wrapped times are only promised to hold for pauses shorter than half the 32-bit clock: 24.8 days. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;
/** Arenas of an endpoint hold at least one datagram. */
const SMALLEST_ARENA_BYTES = MAX_FUZZ_MTU;

/** Where the engine stands in both directions. */
interface Positions {
  readonly una: number;
  readonly next: number;
  readonly expected: number;
  readonly undelivered: number;
}

/** The engine broke a promise. */
class BrokenPromise extends Error {}

/** The engine under test, and every promise it makes, checked after each operation. */
export class KcpTarget {
  readonly config: ProgramConfig;
  readonly engine: KcpEngine;
  nowMs: number;
  /** Coarse marks of what happened: names of faults, counters that moved, states that were reached. */
  readonly features = new Set<string>();

  readonly #pool: SegmentPool;
  readonly #mostSlots: number;
  readonly #payload = new Uint8Array(LARGEST_SEND_BYTES);
  readonly #slab = new Uint8Array(80 * 1024);
  readonly #slabView = new DataView(this.#slab.buffer);
  #drainedAtMs: number;
  /** Bytes of the message that is being received. */
  #messageBytes = 0;
  #isReliable = false;
  #resendPending = false;
  #before: Positions;
  #statsBefore: KcpStats;

  constructor(config: ProgramConfig) {
    this.config = config;
    this.nowMs = config.startMs;
    this.#drainedAtMs = config.startMs;
    this.#pool = new SegmentPool({ slotBytes: MAX_FUZZ_MTU, maxBytes: MAX_FUZZ_MTU * config.poolSlots });
    this.engine = new KcpEngine(
      resolveKcpConfig({
        conv: FUZZ_CONV,
        preset: config.preset,
        stream: config.stream,
        mtu: config.mtu,
        sendWindow: config.sendWindow,
        receiveWindow: config.receiveWindow,
        maxQueueBytes: config.maxQueueBytes,
        maxMessageBytes: config.maxMessageBytes,
        initialSequence: config.initialSequence,
      }),
      this.#pool,
    );
    // What may be held: the receive window, the queue cut as small as an MTU of this program may cut it, one message more.
    const sendSlots = Math.max(
      config.sendWindow,
      Math.ceil(config.maxQueueBytes / (config.mtu - SEGMENT_HEADER_BYTES)),
    );
    this.#mostSlots = config.receiveWindow + sendSlots + LARGEST_MESSAGE_SEGMENTS;
    this.#before = this.#positions();
    this.#statsBefore = this.engine.stats();
  }

  /** Does one thing and checks everything. @returns the datagrams written, for `transmit`. */
  run(operation: Operation): Uint8Array[] {
    let written: Uint8Array[] = [];
    switch (operation.kind) {
      case 'advance':
        this.nowMs = Math.min(
          this.nowMs + Math.max(0, Math.trunc(operation.ms)),
          this.#drainedAtMs + LONGEST_PAUSE_MS,
        );
        break;
      case 'datagram':
        this.#handle(operation.bytes);
        break;
      case 'send':
        this.#send(operation.bytes);
        break;
      case 'receive':
        this.#receive(operation.pieces);
        break;
      case 'transmit':
        written = this.#transmit(operation.arenaBytes, operation.limit);
        break;
      case 'reliable':
        this.engine.setReliable(operation.on);
        this.#isReliable = operation.on;
        break;
      case 'resend':
        this.engine.resendAll(this.nowMs);
        this.#resendPending = true;
        break;
      case 'reset':
        this.engine.resetPath(operation.rttMs < 0 ? undefined : operation.rttMs);
        expect(
          operation.rttMs >= 0 || this.engine.stats().srttMs === 0,
          'a round trip is left of the old path',
        );
        break;
      case 'mtu':
        this.engine.setMtu(Math.min(Math.max(this.config.mtu, operation.bytes), MAX_FUZZ_MTU));
        break;
      case 'trim':
        this.engine.trim();
        break;
    }
    this.#check();
    return written;
  }

  /** The engine goes: everything it held must come back. */
  finish(): void {
    this.engine.dispose();
    expect(this.#pool.usedSlots === 0, `${String(this.#pool.usedSlots)} slots are left after dispose`);
  }

  #handle(bytes: Uint8Array): void {
    const length = Math.min(bytes.length, 65_535);
    const offset = length % 61;
    this.#slab.set(bytes.subarray(0, length), offset);
    const fault = this.engine.handleDatagram(this.nowMs, this.#slab, this.#slabView, offset, length);
    const name = DATAGRAM_FAULT_NAMES[fault];
    expect(name !== undefined, `fault ${String(fault)} has no name`);
    this.features.add(`fault ${name}`);
    // The bytes were borrowed: the engine must not need them any more.
    this.#slab.fill(0xdb, offset, offset + length);
  }

  #send(bytes: number): void {
    const length = Math.min(Math.max(0, bytes), LARGEST_SEND_BYTES);
    const taken = this.engine.send(this.#payload, 0, length);
    expect(Number.isInteger(taken) && taken <= length, `send took ${String(taken)} of ${String(length)}`);
    if (!this.config.stream && taken > 0) {
      expect(taken === length, 'a message was taken in part');
      expect(taken <= this.#largestMessage, `a message of ${String(taken)} bytes was taken`);
    }
    this.features.add(
      taken < 0 ? `send error ${String(taken)}` : taken < length ? 'send full' : 'send taken',
    );
  }

  #receive(pieces: number): void {
    let taken = 0;
    this.engine.receive({
      write: (bytes, offset, length, endOfMessage) => {
        expect(
          offset >= 0 && length >= 0 && offset + length <= bytes.length,
          'a piece reaches beyond its memory',
        );
        if (!endOfMessage) this.features.add('received a fragment');
        if (length === 0) this.features.add('received an empty piece');
        this.#messageBytes += length;
        expect(this.#messageBytes <= this.#largestMessage, 'a message larger than allowed is delivered');
        if (endOfMessage) this.#messageBytes = 0;
        return ++taken < pieces;
      },
    });
    expect(taken <= Math.max(1, pieces), `${String(taken)} pieces after "enough" at ${String(pieces)}`);
    if (taken > 0) this.features.add('received');
  }

  #transmit(arenaBytes: number, limit?: number): Uint8Array[] {
    const before = this.engine.stats();
    const arena = new DatagramArena(Math.max(SMALLEST_ARENA_BYTES, Math.min(arenaBytes, 1 << 20)));
    const written: Uint8Array[] = [];
    const keep = (bytes: Uint8Array, offset: number, length: number): void => {
      written.push(bytes.slice(offset, offset + length));
    };
    while (this.engine.pollTransmit(this.nowMs, arena, this.nowMs, limit)) {
      expect(arena.count > 0, 'an empty arena is called full');
      this.features.add('arena full');
      arena.drain(keep);
      expect(written.length < 100_000, 'one drain never ends');
    }
    arena.drain(keep);
    this.#drainedAtMs = this.nowMs;
    this.#checkWritten(written);
    this.#checkRepeats(before);
    if (limit !== undefined) {
      for (const bytes of written) expect(bytes.length <= limit, 'a datagram is larger than the limit');
    }
    expect(limit !== undefined || !this.engine.isHeldBack, 'something is held back without a limit');
    expect(this.engine.nextDeadline() > this.nowMs, 'a deadline is due right after the drain');
    return written;
  }

  #checkWritten(written: readonly Uint8Array[]): void {
    const acknowledged = new Set<number>();
    const counts = new Map<number, number>();
    const { una, next, expected } = this.engine.sequences;
    for (const bytes of written) {
      expect(bytes.length <= MAX_FUZZ_MTU, `a datagram of ${String(bytes.length)} bytes`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let at = 0;
      while (at < bytes.length) {
        expect(bytes.length - at >= SEGMENT_HEADER_BYTES, 'a header is cut off');
        const length = payloadLengthOf(view, at);
        const command = commandOf(view, at);
        const sn = sequenceOf(view, at);
        expect(at + SEGMENT_HEADER_BYTES + length <= bytes.length, 'a payload is cut off');
        expect(conversationOf(view, at) === FUZZ_CONV, 'another conversation is written');
        expect(unacknowledgedOf(view, at) >>> 0 === expected, 'una is not what is expected next');
        counts.set(command, (counts.get(command) ?? 0) + 1);
        if (command === Command.ack) {
          expect(!acknowledged.has(sn), `sn ${String(sn)} is acknowledged twice in one drain`);
          acknowledged.add(sn);
        } else if (command === Command.push) {
          expect(
            ((sn - una) | 0) >= 0 && ((sn - next) | 0) < 0,
            `sn ${String(sn)} is sent but not in flight`,
          );
        } else {
          expect(
            command === Command.windowAsk || command === Command.windowTell,
            `command ${String(command)}`,
          );
        }
        this.features.add(`wrote ${String(command)}`);
        at += SEGMENT_HEADER_BYTES + length;
      }
    }
    expect(acknowledged.size <= this.config.receiveWindow + 1, 'more ACKs than the window has segments');
    expect((counts.get(Command.windowTell) ?? 0) <= 1, 'the window is told more than once');
    expect((counts.get(Command.windowAsk) ?? 0) <= 1, 'the window is asked for more than once');
  }

  /** A path change sends all that is in flight once more; a reliable path sends nothing else again. */
  #checkRepeats(before: KcpStats): void {
    const after = this.engine.stats();
    const again = after.pathRetransmits - before.pathRetransmits;
    if (this.engine.isHeldBack) this.features.add('held back');
    if (again > 0) this.features.add(`path retransmits, ${this.#isReliable ? 'reliable' : 'lossy'}`);
    // What was held back, or waits for its turn or for room at the peer, may still come.
    expect(again <= before.inFlight, 'more is sent again than is in flight');
    if (this.#resendPending && !this.engine.isHeldBack && !this.#isReliable) {
      const atOnce = Math.min(before.inFlight, RESTART_SEGMENTS);
      expect(again >= atOnce, `only ${String(again)} of ${String(before.inFlight)} are sent again`);
    }
    this.#resendPending = false;
    if (!this.#isReliable) return;
    expect(after.timeoutRetransmits === before.timeoutRetransmits, 'a timeout on a reliable path');
    expect(after.fastRetransmits === before.fastRetransmits, 'a fast retransmission on a reliable path');
    expect(!this.engine.isDead, 'a reliable path is dead');
  }

  get #largestMessage(): number {
    const { stream, maxMessageBytes } = this.config;
    return stream || maxMessageBytes === 0 ? Infinity : maxMessageBytes;
  }

  #check(): void {
    const before = this.#before;
    const after = this.#positions();
    expect(ahead(after.una, before.una) >= 0, 'snd_una went back');
    expect(ahead(after.next, before.next) >= 0, 'snd_nxt went back');
    expect(ahead(after.expected, before.expected) >= 0, 'rcv_nxt went back');
    expect(ahead(after.undelivered, before.undelivered) >= 0, 'delivery went back');
    expect(ahead(after.next, after.una) >= 0, 'snd_una is beyond snd_nxt');
    expect(ahead(after.next, after.una) <= this.config.sendWindow, 'more in flight than the send window');
    const undelivered = ahead(after.expected, after.undelivered);
    expect(undelivered >= 0 && undelivered <= this.config.receiveWindow, 'more held than the receive window');
    this.#before = after;

    expect(this.#pool.usedSlots <= this.#mostSlots, `${String(this.#pool.usedSlots)} slots are held`);
    this.#checkStats();
    expect(!Number.isNaN(this.engine.nextDeadline()), 'the deadline is not a number');
    if (this.engine.isDead) this.features.add('dead');
    if (this.engine.isWedged) this.features.add('wedged');
    if (this.engine.isOversize) this.features.add('oversize');
    if (this.engine.hasDropped) this.features.add('dropped');
  }

  #checkStats(): void {
    const stats = this.engine.stats();
    for (const name of Object.keys(stats) as (keyof KcpStats)[]) {
      const value = stats[name];
      expect(Number.isInteger(value) && value >= 0, `${name} is ${String(value)}`);
    }
    for (const name of COUNTERS) {
      expect(stats[name] >= this.#statsBefore[name], `${name} went back`);
      if (stats[name] > 0) this.features.add(name);
    }
    if (stats.peerWindow === 0) this.features.add('peer window closed');
    this.#statsBefore = stats;
  }

  #positions(): Positions {
    return { ...this.engine.sequences, undelivered: this.engine.undeliveredSequence };
  }
}

const COUNTERS = [
  'segmentsSent',
  'segmentsReceived',
  'timeoutRetransmits',
  'fastRetransmits',
  'pathRetransmits',
  'duplicatesReceived',
  'beyondWindowDrops',
  'memoryDrops',
  'oversizeDrops',
  'acksSent',
  'acksReceived',
  'windowProbesSent',
  'unknownCommands',
] as const satisfies (keyof KcpStats)[];

const ahead = (a: number, b: number): number => (a - b) | 0;

function expect(isKept: boolean, text: string): asserts isKept {
  if (!isKept) throw new BrokenPromise(text);
}
