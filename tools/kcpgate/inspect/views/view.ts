import type { SpuriousRetransmission } from '../examine/examiner-options.ts';
import type { ExaminedSegment } from '../examined.ts';
import type { Findings } from './findings.ts';
import type { Subject } from './subject.ts';

/** Shows what was examined, in one way. */
export interface View {
  /**
   * Takes a datagram of which something is wanted. Everything is valid during the call only.
   * @param segments those that are wanted; empty for a datagram in which none can be read.
   */
  show(subject: Subject, segments: readonly ExaminedSegment[]): void;
  /** It turned out that a retransmission that was shown before had not been needed. */
  onSpurious?(spurious: SpuriousRetransmission): void;
  /** The input has ended. */
  finish?(findings: Findings): void;
}
