import { Command } from '../../../../src/wire/command.ts';
import { type ExaminedSegment, SegmentMark } from '../examined.ts';
import { PointSeries } from './point-series.ts';

/** Why segments were sent again, as the timeline tells them apart. */
export const AGAIN_CAUSES = ['fast', 'timeout', 'lineChange'] as const;
export type AgainCause = (typeof AGAIN_CAUSES)[number];

/** What one side of a session sent, and what the other side said of it. Times in microseconds, heights in segments. */
export class DirectionPoints {
  /** First transmissions. */
  readonly sent = new PointSeries(MAX_POINTS);
  readonly again: Readonly<Record<AgainCause, PointSeries>> = {
    fast: new PointSeries(MAX_AGAIN_POINTS),
    timeout: new PointSeries(MAX_AGAIN_POINTS),
    lineChange: new PointSeries(MAX_AGAIN_POINTS),
  };
  /** Of those the ones that were not needed. */
  readonly spurious = new PointSeries(MAX_POINTS);
  /** `una` of the other side, where it changed. */
  readonly acknowledged = new PointSeries(MAX_POINTS);
  /** The first segment it has no room for, where that changed. */
  readonly windowEdge = new PointSeries(MAX_POINTS);
  /** Retransmissions that may yet turn out not to have been needed, by packet and `sn`: when they were. */
  readonly #recent = new Map<string, number>();
  #lastSn = NaN;
  #una = NaN;
  #edge = NaN;

  /** The highest `sn` sent; NaN when nothing was. */
  get highestSn(): number {
    return this.#highest;
  }

  #highest = NaN;

  /** Takes a data segment of this side. */
  data(timeUs: number, packet: number, { sn, marks }: ExaminedSegment): void {
    if ((marks & SegmentMark.duplicate) !== 0) return;
    const height = this.#heightOf(sn);
    this.#highest = Number.isNaN(this.#highest) ? height : Math.max(this.#highest, height);
    if ((marks & SegmentMark.retransmission) === 0) {
      this.sent.add(timeUs, height);
      return;
    }
    this.again[causeOf(marks)].add(timeUs, height);
    if ((marks & SegmentMark.spurious) !== 0) {
      this.spurious.add(timeUs, height);
      return;
    }
    if (this.#recent.size >= MAX_RECENT) this.#recent.delete(this.#recent.keys().next().value ?? '');
    this.#recent.set(keyOf(packet, sn), timeUs);
  }

  /** Takes that one of its retransmissions was not needed. */
  notNeeded(packet: number, sn: number): void {
    const timeUs = this.#recent.get(keyOf(packet, sn));
    if (timeUs !== undefined) this.spurious.add(timeUs, this.#lastSn + ((sn - this.#lastSn) | 0));
  }

  /** Takes what a header of the other side says. */
  told(timeUs: number, { una, wnd }: ExaminedSegment): void {
    const height = this.#heightOf(una);
    if (height < this.#una) return;
    if (height !== this.#una) this.acknowledged.add(timeUs, height);
    this.#una = height;
    const edge = height + wnd;
    if (edge !== this.#edge) this.windowEdge.add(timeUs, edge);
    this.#edge = edge;
  }

  /** Numbers that wrapped go on above. */
  #heightOf(sn: number): number {
    const height = Number.isNaN(this.#lastSn) ? sn >>> 0 : this.#lastSn + ((sn - this.#lastSn) | 0);
    // A damaged header must not move the rest.
    if (Number.isNaN(this.#lastSn) || Math.abs(height - this.#lastSn) < MAX_STEP) this.#lastSn = height;
    return height;
  }
}

/** Everything of one session that its timeline shows. */
export class SessionPoints {
  readonly session: number;
  readonly conv: number;
  readonly fromClient = new DirectionPoints();
  readonly fromGateway = new DirectionPoints();
  segments = 0;
  firstUs = Infinity;
  lastUs = -Infinity;

  constructor(session: number, conv: number) {
    this.session = session;
    this.conv = conv;
  }

  /** Takes the segments of a datagram. */
  take(timeUs: number, packet: number, isFromClient: boolean, segments: readonly ExaminedSegment[]): void {
    this.firstUs = Math.min(this.firstUs, timeUs);
    this.lastUs = Math.max(this.lastUs, timeUs);
    this.segments += segments.length;
    const [own, other] = isFromClient
      ? [this.fromClient, this.fromGateway]
      : [this.fromGateway, this.fromClient];
    for (const segment of segments) {
      if (segment.cmd < Command.new || segment.cmd > Command.windowTell) continue;
      other.told(timeUs, segment);
      if (segment.cmd <= Command.push) own.data(timeUs, packet, segment);
    }
  }
}

function causeOf(marks: number): AgainCause {
  if ((marks & SegmentMark.fast) !== 0) return 'fast';
  return (marks & SegmentMark.timeout) !== 0 ? 'timeout' : 'lineChange';
}

const keyOf = (packet: number, sn: number): string => `${packet} ${sn >>> 0}`;

const MAX_RECENT = 8192;
const MAX_POINTS = 32_768;
/** What was sent again is left out last. */
const MAX_AGAIN_POINTS = 65_536;
/** No window is larger. */
const MAX_STEP = 2 ** 20;
