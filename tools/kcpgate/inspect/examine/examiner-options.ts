import type { ExpertNote } from '../examined.ts';
import type { KeyLog } from '../key-log.ts';
import type { KcpGoKey } from './kcp-go-key.ts';

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
   * - `acknowledged_too_soon`: an acknowledgement passed sooner after it than any answer did; told at the end
   */
  readonly evidence: SpuriousEvidence;
  /** The packet that shows it. */
  readonly shownBy: number;
}

export type SpuriousEvidence = 'acknowledged_before' | 'echoed_ts' | 'acknowledged_too_soon';
