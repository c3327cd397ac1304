import type { SpuriousRetransmission } from '../examine/examiner-options.ts';
import type { ExaminedSegment } from '../examined.ts';
import type { Findings } from '../views/findings.ts';
import type { Subject } from '../views/subject.ts';
import type { View } from '../views/view.ts';
import { drawTimeline } from './draw-timeline.ts';
import { SessionPoints } from './session-points.ts';

export interface TimelineOptions {
  /** The session that is wanted: by its number, or the one with this conv that has most; else the one that has most of all. */
  readonly session?: number;
  readonly conv?: number;
  /** Takes the picture. */
  readonly write: (svg: string) => void;
  /** Takes why there is none, in words. */
  readonly warn: (text: string) => void;
}

/** Draws one session. */
export class TimelineView implements View {
  readonly #options: TimelineOptions;
  readonly #candidates = new Map<number, SessionPoints>();

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  show(subject: Subject, segments: readonly ExaminedSegment[]): void {
    const { session, conv, found, isFromClient } = subject.datagram;
    if (session < 0 || segments.length === 0 || !this.#isWanted(session, conv)) return;
    let points = this.#candidates.get(session);
    if (points === undefined) {
      if (this.#candidates.size >= MAX_CANDIDATES) this.#dropSmallest();
      points = new SessionPoints(session, conv);
      this.#candidates.set(session, points);
    }
    points.take(found.timeUs, found.packet, isFromClient, segments);
  }

  onSpurious({ session, isFromClient, packet, sn }: SpuriousRetransmission): void {
    const points = this.#candidates.get(session);
    if (points !== undefined) (isFromClient ? points.fromClient : points.fromGateway).notNeeded(packet, sn);
  }

  finish({ sessions }: Findings): void {
    let best: SessionPoints | null = null;
    for (const points of this.#candidates.values()) {
      if (best === null || points.segments > best.segments) best = points;
    }
    if (best === null) this.#options.warn('no session of which segments can be read: no timeline');
    else if (best.lastUs <= 0) this.#options.warn('the input tells no times: no timeline');
    else {
      const drawn = best.session;
      this.#options.write(drawTimeline(best, sessions.find(({ index }) => index === drawn) ?? null));
    }
  }

  #isWanted(session: number, conv: number): boolean {
    const { session: wantedSession, conv: wantedConv } = this.#options;
    if (wantedSession !== undefined) return session === wantedSession;
    return wantedConv === undefined || conv === wantedConv;
  }

  #dropSmallest(): void {
    let smallest: SessionPoints | null = null;
    for (const points of this.#candidates.values()) {
      if (smallest === null || points.segments < smallest.segments) smallest = points;
    }
    if (smallest !== null) this.#candidates.delete(smallest.session);
  }
}

/** Sessions of which points are kept: one that is small is given up for a new one. */
const MAX_CANDIDATES = 8;
