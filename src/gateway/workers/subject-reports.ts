import type { SubjectLimit } from '../../endpoint/index.ts';
import type { WorkerReport } from './message.ts';

/** Subjects of a worker: the main thread counts their sessions, because they may be at any worker. */
export class SubjectReports implements SubjectLimit {
  readonly #report: (report: WorkerReport) => void;

  constructor(report: (report: WorkerReport) => void) {
    this.#report = report;
  }

  add(subject: string, { id }: { readonly id: number }): undefined {
    if (subject !== '') this.#report({ type: 'subject_came', subject, session: id });
    return undefined;
  }

  remove(subject: string, { id }: { readonly id: number }): void {
    if (subject !== '') this.#report({ type: 'subject_left', subject, session: id });
  }
}

/** Where there is no limit nothing is counted. */
export const NO_SUBJECT_LIMIT: SubjectLimit = {
  add: () => undefined,
  remove: () => undefined,
};
