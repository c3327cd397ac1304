import type { KnownLine } from './known-line.ts';

/** What a line in trouble is to be replaced by. */
export interface CandidateWish {
  readonly lines: Iterable<KnownLine>;
  /** Id of the line in use. */
  readonly current: string;
  /** The line in use may be opened once more, and when: before others, or only after them. */
  readonly again: 'first' | 'last' | 'never';
}

/**
 * Lines to prepare when the line in use is in trouble, best first. UDP lines that answer take turns with connections: those
 * pass where UDP does not.
 */
export function candidatesOf(now: number, { lines, current, again }: CandidateWish): readonly KnownLine[] {
  const answering: KnownLine[] = [];
  const connections: KnownLine[] = [];
  const unknown: KnownLine[] = [];
  let self: KnownLine | undefined;
  for (const line of lines) {
    if (line.id === current) self = line;
    else if (line.isConnection) connections.push(line);
    else if (line.answers(now)) answering.push(line);
    else unknown.push(line);
  }
  for (const group of [answering, connections, unknown])
    group.sort((a, b) => badness(now, a) - badness(now, b));
  const turns: KnownLine[] = [];
  for (let i = 0; i < Math.max(answering.length, connections.length); i++) {
    turns.push(...answering.slice(i, i + 1), ...connections.slice(i, i + 1));
  }
  turns.push(...unknown);
  // What is draining or proved worse is still better than nothing.
  const wanted = turns.filter((line) => !line.isUnwanted && line.avoidUntil <= now);
  const rest = turns.filter((line) => !wanted.includes(line));
  const others = [...wanted, ...rest];
  if (self === undefined || again === 'never') return others;
  return again === 'first' ? [...others.slice(0, 1), self, ...others.slice(1)] : [...others, self];
}

/** About how bad a line is, in ms. */
export function badness(now: number, line: KnownLine): number {
  const score = line.score(now);
  return line.failures * FAILURE_MS + (score ?? UNKNOWN_MS);
}

/** Each attempt that failed counts so much, and a line that was not measured is taken to be so bad. */
const FAILURE_MS = 500;
const UNKNOWN_MS = 200;
