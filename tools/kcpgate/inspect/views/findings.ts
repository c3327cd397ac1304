import type { CaptureCounters } from '../capture/capture-counters.ts';
import type { ExaminerCounters } from '../examine/examiner.ts';
import type { FlowReport } from '../examine/flow-report.ts';
import type { SessionReport } from '../examine/session-report.ts';
import type { ExpertNote } from '../examined.ts';

/** What is known when the input has ended. */
export interface Findings {
  readonly capture: CaptureCounters;
  readonly flows: readonly FlowReport[];
  readonly sessions: readonly SessionReport[];
  readonly notes: readonly ExpertNote[];
  /** What there was no room for. */
  readonly left: ExaminerCounters;
  /** Time of the first packet, in microseconds; NaN when the input told no time. */
  readonly startUs: number;
}

/** Of the findings what concerns some sessions and flows, and the capture as a whole. */
export function findingsOf(
  findings: Findings,
  sessions: ReadonlySet<number>,
  flows: ReadonlySet<number>,
): Findings {
  return {
    ...findings,
    flows: findings.flows.filter(({ flow }) => flows.has(flow.index)),
    sessions: findings.sessions.filter(({ index }) => sessions.has(index)),
    notes: findings.notes.filter(({ session }) => session < 0 || sessions.has(session)),
  };
}
