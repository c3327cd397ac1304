import { SegmentMark } from '../examined.ts';

/** One of {@link SegmentMark}, for people and programs. */
export interface MarkRow {
  readonly bit: number;
  /** In JSON and filters. */
  readonly name: string;
  /** In lines. */
  readonly words: string;
}

/** Every mark, in the order it is shown in. */
export const MARK_TABLE: readonly MarkRow[] = [
  { bit: SegmentMark.retransmission, name: 'retransmission', words: 'retransmission' },
  { bit: SegmentMark.fast, name: 'fast', words: 'fast' },
  { bit: SegmentMark.timeout, name: 'timeout', words: 'timeout' },
  { bit: SegmentMark.spurious, name: 'spurious', words: 'spurious' },
  { bit: SegmentMark.duplicate, name: 'duplicate', words: 'duplicate' },
  { bit: SegmentMark.outOfOrder, name: 'out_of_order', words: 'out of order' },
  { bit: SegmentMark.duplicateAck, name: 'duplicate_ack', words: 'duplicate ack' },
  { bit: SegmentMark.zeroWindow, name: 'zero_window', words: 'zero window' },
];

/** The names of the marks in a sum of them. */
export function markNames(marks: number): string[] {
  return MARK_TABLE.filter(({ bit }) => (marks & bit) !== 0).map(({ name }) => name);
}

/** `[retransmission, timeout] [zero window]`; empty without marks. Why a segment was sent again stands with that it was. */
export function markText(marks: number): string {
  const groups: string[] = [];
  const again = wordsOf(marks & AGAIN);
  if (again.length > 0) groups.push(`[${again.join(', ')}]`);
  for (const words of wordsOf(marks & ~AGAIN)) groups.push(`[${words}]`);
  return groups.join(' ');
}

const AGAIN = SegmentMark.retransmission | SegmentMark.fast | SegmentMark.timeout | SegmentMark.spurious;

function wordsOf(marks: number): string[] {
  return MARK_TABLE.filter(({ bit }) => (marks & bit) !== 0).map(({ words }) => words);
}
