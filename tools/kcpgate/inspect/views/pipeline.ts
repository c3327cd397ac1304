import type { Examiner } from '../examine/examiner.ts';
import type { ExaminedDatagram, ExaminedSegment } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';
import { type Predicate, Subject } from './subject.ts';
import type { View } from './view.ts';

export interface PipelineOptions {
  readonly examiner: Examiner;
  /** What is wanted; without it everything is. */
  readonly filter?: Predicate;
  readonly views: readonly View[];
  /** Segments shown at most, where a datagram without any counts as one. Default: no limit. */
  readonly limit?: number;
}

/** Leads every datagram through the examination and, as far as it is wanted, to the views. */
export class Pipeline {
  /** Sessions and flows of what was shown. */
  readonly shownSessions = new Set<number>();
  readonly shownFlows = new Set<number>();
  readonly #options: PipelineOptions;
  readonly #wanted: ExaminedSegment[] = [];
  #left: number;
  #subject: Subject | null = null;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#left = options.limit ?? Infinity;
  }

  /** Whether no more will be shown. */
  get isDone(): boolean {
    return this.#left <= 0;
  }

  /** Time of the first packet, in microseconds; NaN when there was none. */
  get startUs(): number {
    return this.#subject?.startUs ?? NaN;
  }

  /** Takes the next datagram of the capture. */
  readonly take = (found: FoundDatagram): void => {
    if (this.isDone) return;
    const datagram = this.#options.examiner.examine(found);
    this.#subject ??= new Subject(datagram);
    const subject = this.#subject;
    subject.look(datagram);
    if (!this.#choose(subject, datagram)) return;
    if (this.shownFlows.size < MAX_SHOWN) this.shownFlows.add(found.flow.index);
    if (datagram.session >= 0 && this.shownSessions.size < MAX_SHOWN)
      this.shownSessions.add(datagram.session);
    this.#left -= Math.max(1, this.#wanted.length);
    for (const view of this.#options.views) view.show(subject, this.#wanted);
  };

  /** Gathers the segments that are wanted. @returns whether anything is. */
  #choose(subject: Subject, datagram: ExaminedDatagram): boolean {
    const { filter } = this.#options;
    this.#wanted.length = 0;
    if (datagram.segmentCount === 0) return filter === undefined || filter(subject, null);
    for (let i = 0; i < datagram.segmentCount && this.#wanted.length < this.#left; i++) {
      const segment = datagram.segments[i];
      if (segment !== undefined && (filter === undefined || filter(subject, segment)))
        this.#wanted.push(segment);
    }
    return this.#wanted.length > 0;
  }
}

/** More sessions and flows than an examiner knows at a time. */
const MAX_SHOWN = 100_000;
