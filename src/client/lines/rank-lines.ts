import type { LineEvidence, LineReport } from './line-report.ts';

/** How far a line can be used; the lower, the better. */
export const Standing = {
  good: 0,
  /** Large datagrams do not pass. */
  smallOnly: 1,
  /** The gateway takes no new sessions: it is being drained, or not ready. */
  closed: 2,
  dead: 3,
} as const;

/** One of {@link Standing}. */
export type StandingValue = (typeof Standing)[keyof typeof Standing];

export function standingOf({ answered, fault, draining, notReady, fullSize }: LineEvidence): StandingValue {
  if (answered === 0 || fault !== null) return Standing.dead;
  if (draining || notReady) return Standing.closed;
  return fullSize === false ? Standing.smallOnly : Standing.good;
}

/** Orders lines: by what they can be used for, then by priority, then by score. Negative: the first one is better. */
export function compareLines(one: LineEvidence, other: LineEvidence): number {
  return (
    standingOf(one) - standingOf(other) ||
    one.line.priority - other.line.priority ||
    (one.score?.ms ?? Infinity) - (other.score?.ms ?? Infinity) ||
    0
  );
}

/**
 * Chooses a line. Among those that are as good as the best (same standing and priority, scores within 5 ms less what both vary)
 * chance decides by weight, so that not all clients come to the same one.
 * @param random from 0 to below 1.
 */
export function rankLines(evidence: readonly LineEvidence[], random: number): Omit<LineReport, 'tookMs'> {
  const sorted = evidence.toSorted(compareLines);
  // What comes later stays: the best of each line.
  const best = new Map(sorted.toReversed().map((one) => [one.line.id, one]));
  const ranked = sorted.filter((one) => best.get(one.line.id) === one);
  const otherAddresses = sorted.filter((one) => best.get(one.line.id) !== one);
  const [first] = ranked;
  if (first === undefined || standingOf(first) === Standing.dead) {
    return { best: null, lines: ranked, otherAddresses, reason: 'no line answered' };
  }
  const equals = ranked.filter((other) => isAsGood(other, first));
  const chosen = byWeight(equals, random) ?? first;
  const lines = [chosen, ...ranked.filter((other) => other !== chosen)];
  return { best: chosen.line, lines, otherAddresses, reason: reasonFor(chosen, equals, lines) };
}

function isAsGood(one: LineEvidence, best: LineEvidence): boolean {
  return (
    standingOf(one) === standingOf(best) &&
    one.line.priority === best.line.priority &&
    (one.score?.ms ?? Infinity) <= (best.score?.ms ?? 0) + marginMs(one, best)
  );
}

/** Where round trips vary, what was measured is no more exact than that, and chance has chosen already. */
function marginMs(one: LineEvidence, best: LineEvidence): number {
  return Math.max(0, AS_GOOD_MS - (one.jitterMs ?? 0) - (best.jitterMs ?? 0));
}

/** Each has its share; when all weigh nothing, the same. */
function byWeight(evidence: readonly LineEvidence[], random: number): LineEvidence | undefined {
  const total = evidence.reduce((sum, { line }) => sum + line.weight, 0);
  if (total === 0) return evidence[Math.floor(random * evidence.length)];
  let left = random * total;
  return evidence.find(({ line }) => (left -= line.weight) < 0);
}

function reasonFor(
  chosen: LineEvidence,
  equals: readonly LineEvidence[],
  lines: readonly LineEvidence[],
): string {
  const score = `score ${ms(chosen.score?.ms ?? 0)}`;
  const caveat = CAVEATS[standingOf(chosen)];
  return `${why(chosen, equals, lines)}: ${score}${caveat === '' ? '' : `; ${caveat}`}`;
}

function why(chosen: LineEvidence, equals: readonly LineEvidence[], lines: readonly LineEvidence[]): string {
  if (equals.length > 1) {
    return `chosen by weight among ${String(equals.length)} lines that are as good`;
  }
  const [, next] = lines;
  if (next === undefined) return 'the only line';
  const standing = standingOf(next);
  if (standing === Standing.dead) return 'the only line that answered';
  if (standing > standingOf(chosen)) return `the only line ${BETTER_THAN[standing]}`;
  if (next.line.priority > chosen.line.priority) return 'the only line of its priority';
  return `the lowest score, ${ms((next.score?.ms ?? 0) - (chosen.score?.ms ?? 0))} ahead of ${next.line.id}`;
}

const ms = (value: number): string => `${String(Math.round(value * 10) / 10)} ms`;

const CAVEATS: Readonly<Record<StandingValue, string>> = {
  [Standing.good]: '',
  [Standing.smallOnly]: 'large datagrams do not pass on any line',
  [Standing.closed]: 'no line leads to a gateway that takes new sessions',
  [Standing.dead]: '',
};
const BETTER_THAN: Readonly<Record<StandingValue, string>> = {
  [Standing.good]: '',
  [Standing.smallOnly]: 'that passes large datagrams',
  [Standing.closed]: 'whose gateway takes new sessions',
  [Standing.dead]: 'that answered',
};
/** Who is no more than that behind the best is as good. */
const AS_GOOD_MS = 5;
