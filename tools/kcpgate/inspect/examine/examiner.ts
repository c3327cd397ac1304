import type { ExaminedDatagram, ExpertNote } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';
import type { KeyLog } from '../key-log.ts';
import { emptyDatagram } from './empty-datagram.ts';
import type { FlowReport } from './flow-report.ts';
import type { KcpGoKey } from './kcp-go-key.ts';
import type { SessionReport } from './session-report.ts';

export interface ExaminerOptions {
  /** Opens what is sealed. May grow while datagrams are examined. */
  readonly keyLog?: KeyLog;
  /** Opens what kcp-go encrypted. Default: only `none` is recognised, which needs no key. */
  readonly kcpGo?: KcpGoKey;
  /** Headers in front of UDP datagrams; `auto` looks. Default `auto`. */
  readonly proxy?: 'auto' | 'off' | 'proxy' | 'spp';
  /** Whether to look for retransmissions and faults. Without it there are no marks, no notes, and reports have counts only. Default true. */
  readonly analysis?: boolean;
  readonly limits?: ExaminerLimits;
  /** Takes each note when it is made; all are in {@link Examiner.notes}, too. */
  readonly onNote?: (note: ExpertNote) => void;
  /** Takes each retransmission that turned out not to have been needed. */
  readonly onSpurious?: (spurious: SpuriousRetransmission) => void;
}

/** Bounds on memory. What is used least recently gives way, and is counted. */
export interface ExaminerLimits {
  /** Sessions known at once. Default 10,000. Those that were answered outlive those that were not. */
  readonly maxSessions?: number;
  /** Flows known at once. Default 20,000. */
  readonly maxFlows?: number;
  /** Bytes for what was sent and not yet acknowledged, over all sessions. Default 256 MiB. */
  readonly maxMemoryBytes?: number;
  /** Notes kept. Default 1000; at most 4 of one code for one session. */
  readonly maxNotes?: number;
}

/** A retransmission although an earlier transmission of the same segment had arrived, and what shows it. */
export interface SpuriousRetransmission {
  readonly session: number;
  readonly isFromClient: boolean;
  /** The packet that holds it. */
  readonly packet: number;
  readonly sn: number;
  /**
   * - `acknowledged_before`: an acknowledgement had passed the capture before
   * - `echoed_ts`: an acknowledgement returned the `ts` of an earlier transmission
   * - `acknowledged_too_soon`: an acknowledgement passed sooner after it than any answer can
   * - `older_echo`: the acknowledgement came with the `ts` of something sent before it, in an order that was kept
   */
  readonly evidence: SpuriousEvidence;
  /** The packet that shows it. */
  readonly shownBy: number;
}

export type SpuriousEvidence = 'acknowledged_before' | 'echoed_ts' | 'acknowledged_too_soon' | 'older_echo';

/** What there was no room for. */
export interface ExaminerCounters {
  readonly forgottenSessions: number;
  readonly forgottenFlows: number;
  /** Notes that were left out because there were too many of their kind. */
  readonly suppressedNotes: number;
}

/**
 * Understands a capture: what each datagram is, which session it belongs to, what each segment means there, and what is
 * wrong. Takes datagrams in the order they were captured in. Never throws, whatever they are; memory is bounded.
 */
export class Examiner {
  readonly #examined: ExaminedDatagram = emptyDatagram();
  readonly #onNote: ExaminerOptions['onNote'];
  /** In order of appearance; {@link SessionReport.index} names them, because those that gave way are missing. */
  readonly sessions: readonly SessionReport[] = [];
  readonly flows: readonly FlowReport[] = [];
  /** In the order they were made. */
  readonly notes: readonly ExpertNote[] = [];
  readonly counters: ExaminerCounters = { forgottenSessions: 0, forgottenFlows: 0, suppressedNotes: 0 };

  constructor(options: ExaminerOptions = {}) {
    this.#onNote = options.onNote;
  }

  /** Examines one datagram. The result is reused: valid until the next call. */
  examine(found: FoundDatagram): ExaminedDatagram {
    this.#examined.found = found;
    return this.#examined;
  }

  /** The capture ended: what only the end can tell is told. */
  finish(): void {
    for (const note of this.notes) this.#onNote?.(note);
  }
}
