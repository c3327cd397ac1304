import type { SessionRole, PeerKind } from '../session/index.ts';
import type { RecordedEvent } from './event-row.ts';
import type { RecordedPath } from './session-recorder.ts';

/** What a file says of its session before the first event. */
export interface RecordingInfo {
  readonly conv: number;
  readonly role: SessionRole;
  readonly peer: PeerKind;
  readonly loggedIn: boolean;
  /** Unix time in ms of time 0. */
  readonly startedAtMs: number;
  readonly mtu: number;
  /** Paths met so far; the events name them by their place. */
  readonly paths: readonly RecordedPath[];
}

/** One record of a file. */
export type QlogRecord = Readonly<Record<string, unknown>>;

/** Turns events into records of one schema; made for each file, as it may remember what came before. */
export interface EventProfile {
  /** The first record. */
  header(info: RecordingInfo): QlogRecord;
  /** Events become records in order; one event may become several, or none. */
  records(event: RecordedEvent, info: RecordingInfo): QlogRecord[];
  /** Events are missing here. */
  gap(timeMs: number, rows: number): QlogRecord[];
  /** The last record. */
  closed(timeMs: number, code: number, reason: string): QlogRecord[];
}

/** JSON text sequence (RFC 7464): each record behind a record separator, with a line feed at its end. */
export function jsonSequence(records: readonly QlogRecord[]): string {
  let text = '';
  for (const record of records) text += `\u001e${JSON.stringify(record)}\n`;
  return text;
}
