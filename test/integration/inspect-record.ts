import { vi } from 'vitest';
import { Command } from '../../src/wire/command.ts';
import { readAnySegment } from '../../src/wire/any-segment.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { checkSegment } from '../../src/wire/segment.ts';
import { PcapngWriter } from '../../tools/kcpgate/inspect/capture/pcapng-writer.ts';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { udpFrame } from '../../tools/kcpgate/inspect/capture/udp-frame.ts';
import { SegmentMark } from '../../tools/kcpgate/inspect/examined.ts';
import {
  Examiner,
  type ExaminerOptions,
  type SpuriousRetransmission,
} from '../../tools/kcpgate/inspect/examine/examiner.ts';
import type { FoundDatagram } from '../../tools/kcpgate/inspect/found-datagram.ts';
import { fateText } from '../../tools/kcpgate/relay/fate.ts';
import { startUdpRelay, type UdpRelay, type UdpRelayOptions } from '../../tools/kcpgate/relay/udp-relay.ts';

/** A relay that keeps a capture of what enters it, with the fate of each datagram as comment. */
export interface RecordedRelay extends UdpRelay {
  /** A pcapng file, in pieces. */
  readonly capture: readonly Uint8Array[];
}

/**
 * Times are those the relay itself goes by: nothing leaves it sooner after its recorded time than the link's delay.
 */
export async function startRecordedRelay(options: UdpRelayOptions): Promise<RecordedRelay> {
  const realNow = performance.now.bind(performance);
  let relayMs = 0;
  // The relay asks once for all datagrams that came together, and tells of each before anybody asks again.
  vi.spyOn(performance, 'now').mockImplementation(() => (relayMs = realNow()));
  const capture: Uint8Array[] = [];
  const writer = new PcapngWriter({ sink: (chunk) => capture.push(chunk.slice()) });
  const relay: UdpRelay = await startUdpRelay({
    ...options,
    onDatagram: ({ isUp, client, bytes, offset, length, fate }) => {
      const [from, to] = isUp ? [client, relay] : [relay, client];
      const packet = udpFrame(from, to, bytes, offset, length);
      writer.writePacket((performance.timeOrigin + relayMs) * 1000, packet, 0, packet.length, fateText(fate));
    },
  });
  return Object.assign(relay, { capture });
}

/** One transmission of a PUSH or NEW, as the relay's record has it. */
interface Transmission {
  readonly packet: number;
  readonly timeUs: number;
  readonly ts: number;
  readonly isDropped: boolean;
}

/** What a datagram said of the data of the other side. */
interface Answer {
  readonly packet: number;
  readonly timeUs: number;
  readonly una: number;
  /** -1 when it is no ACK. */
  readonly sn: number;
  readonly ts: number;
}

/** What the relay's record says of the data of one side, without the inspector. */
export interface RecordedSide {
  /** Transmissions of each segment of data, in order. */
  readonly bySn: Map<number, Transmission[]>;
  /** What the other side said of it, in order. */
  readonly answers: Answer[];
}

/** What the inspector found, and what really was. */
export interface Comparison {
  readonly examiner: Examiner;
  readonly spurious: readonly SpuriousRetransmission[];
  /** Packets that the inspector marked as retransmissions at once, each with its `sn`. */
  readonly marked: readonly string[];
  /** Of the client's data, and of the gateway's. */
  readonly sides: readonly [RecordedSide, RecordedSide];
}

/**
 * Reads a recorded capture through the inspector and, apart from it, with the reader of segments.
 * @param clearOf the clear segments of a datagram; `null` when it has none. Default: all of it.
 * @param isCaptured whether the inspector gets to see a datagram. Default: it sees all.
 */
export function compare(
  capture: readonly Uint8Array[],
  options: ExaminerOptions = {},
  clearOf: (found: FoundDatagram) => Uint8Array | null = bytesOf,
  isCaptured: (found: FoundDatagram) => boolean = () => true,
): Comparison {
  const spurious: SpuriousRetransmission[] = [];
  const marked: string[] = [];
  const sides: [RecordedSide, RecordedSide] = [newSide(), newSide()];
  const examiner = new Examiner({ ...options, onSpurious: (one) => spurious.push(one) });
  const reader = new CaptureReader({
    sink: (found) => {
      const clear = clearOf(found);
      if (clear !== null) record(sides[found.isFromA ? 0 : 1], sides[found.isFromA ? 1 : 0], found, clear);
      if (!isCaptured(found)) return;
      const { segments, segmentCount } = examiner.examine(found);
      for (const { marks, sn } of segments.slice(0, segmentCount)) {
        if ((marks & SegmentMark.retransmission) !== 0) marked.push(`${found.packet}:${sn}`);
      }
    },
  });
  for (const piece of capture) reader.push(piece);
  reader.finish();
  examiner.finish();
  return { examiner, spurious, marked, sides };
}

/** Sums over one direction of a record. */
export interface Truth {
  /** All transmissions but the first of each segment, as `packet:sn`. */
  readonly retransmissions: readonly string[];
  /** Drops that made a repetition necessary: those before the first transmission that arrived. */
  readonly repeatedDrops: number;
  /** Retransmissions of what had been let through before, as `packet:sn`. */
  readonly spurious: readonly string[];
}

export function truthOf({ bySn }: RecordedSide): Truth {
  const retransmissions: string[] = [];
  const spurious: string[] = [];
  let repeatedDrops = 0;
  for (const [sn, transmissions] of bySn) {
    const arrived = transmissions.findIndex(({ isDropped }) => !isDropped);
    const needed = arrived < 0 ? transmissions.length - 1 : arrived;
    repeatedDrops += needed;
    transmissions.forEach(({ packet }, index) => {
      if (index > 0) retransmissions.push(`${packet}:${sn}`);
      if (index > needed) spurious.push(`${packet}:${sn}`);
    });
  }
  return { retransmissions, repeatedDrops, spurious };
}

/**
 * Why nothing in the capture can show that a retransmission was not needed; the reason against it, when something does.
 * @param answerUs sooner than this no answer comes.
 */
export function whyUnprovable(
  { bySn, answers }: RecordedSide,
  packetAndSn: string,
  answerUs: number,
): string {
  const [packet = 0, sn = 0] = packetAndSn.split(':').map(Number);
  const transmissions = bySn.get(sn) ?? [];
  const index = transmissions.findIndex((one) => one.packet === packet);
  const sent = transmissions[index]!;
  const acknowledges = (one: Answer): boolean => one.sn === sn || one.una > sn;
  if (answers.some((one) => one.packet < packet && acknowledges(one))) return 'acknowledged before';
  const earlier = transmissions.slice(0, index).map(({ ts }) => ts);
  const echoes = (one: Answer): boolean => one.sn === sn && one.ts !== sent.ts && earlier.includes(one.ts);
  if (answers.some(echoes)) return 'an ACK returned the ts of an earlier transmission';
  const first = answers.find((one) => one.packet > packet && acknowledges(one));
  if (first !== undefined && first.timeUs - sent.timeUs < answerUs) return 'acknowledged too soon';
  return 'unprovable';
}

function record(own: RecordedSide, peer: RecordedSide, found: FoundDatagram, clear: Uint8Array): void {
  const memory = wireMemory(clear);
  const { packet, timeUs } = found;
  for (let at = 0; at < clear.length;) {
    const segment = readAnySegment(memory, at, clear.length);
    if (typeof segment === 'string') return;
    if (segment.type === 'push' || segment.type === 'new') {
      const transmissions = own.bySn.get(segment.sn) ?? [];
      transmissions.push({ packet, timeUs, ts: segment.ts, isDropped: found.comment.startsWith('dropped') });
      own.bySn.set(segment.sn, transmissions);
      peer.answers.push({ packet, timeUs, una: segment.una, sn: -1, ts: 0 });
    }
    if (segment.type === 'windowAsk' || segment.type === 'windowTell') {
      peer.answers.push({ packet, timeUs, una: segment.una, sn: -1, ts: 0 });
    }
    if (segment.type === 'ack') {
      peer.answers.push({ packet, timeUs, una: segment.una, sn: segment.sn, ts: segment.ts });
    }
    const blockBytes = memory.bytes[at + 4] === Command.new ? 20 : 0;
    at += checkSegment(memory.view, at, clear.length, blockBytes);
  }
}

const newSide = (): RecordedSide => ({ bySn: new Map(), answers: [] });

const bytesOf = ({ bytes, offset, length }: FoundDatagram): Uint8Array =>
  bytes.subarray(offset, offset + length);
