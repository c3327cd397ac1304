import type { LineScore } from './line-report.ts';

/** What a score is made from. Times in ms. */
export interface ScoredProbes {
  /** Round trips of the probes that were answered, in the order they were sent. */
  readonly rttsMs: readonly number[];
  /** Probes that were not answered, and are old enough for that to mean something. */
  readonly lost: number;
  /** TCP or WebSocket: what is lost below holds up everything behind it. */
  readonly isConnection: boolean;
  /** 0 idle to 255 full. */
  readonly load: number;
}

/** What a line is like. Times in ms. */
export interface LineMeasures {
  readonly rttMs: number;
  readonly jitterMs: number;
  /** Share of what was sent that got lost, 0 to 1. */
  readonly lossRate: number;
  /** How long it takes until something lost is sent again. */
  readonly rtoMs: number;
  readonly isConnection: boolean;
  /** 0 idle to 255 full. */
  readonly load: number;
}

/** The score of a line in ms, lower is better: the sum of its parts, as {@link scoreProbes} says. */
export function scoreOf(measures: LineMeasures): number {
  const { rttMs, jitterMs, retransmissionMs, carrierMs, loadMs } = partsOf(measures);
  return rttMs + jitterMs + retransmissionMs + carrierMs + loadMs;
}

/**
 * What sending a message on a line is expected to take, in ms; lower is better:
 *
 *     median RTT + 2 x jitter + p / (1 - p) x RTO + carrier + load
 *
 * where p = (lost + 1/2) / (probes + 1), a guess that few probes do not make too sure; RTO = RTT + 4 x jitter, at least 10 ms
 * more than the RTT and 30 ms in all; a connection costs p x RTT, at least 10 ms; a full gateway 30 ms.
 * @returns null when nothing was answered.
 */
export function scoreProbes({ rttsMs, lost, isConnection, load }: ScoredProbes): LineScore | null {
  const rttMs = medianOf(rttsMs);
  if (rttMs === null) return null;
  const jitterMs = jitterOf(rttsMs) ?? 0;
  const shortestMs = Math.min(...rttsMs);
  const longestMs = Math.max(...rttsMs);
  const probes = rttsMs.length + lost;
  const loss = (lost + 0.5) / (probes + 1);
  const rtoMs = timeoutMs(rttMs, jitterMs);
  const measures: LineMeasures = { rttMs, jitterMs, lossRate: loss, rtoMs, isConnection, load };
  const parts = partsOf(measures);
  const fixedMs = parts.carrierMs + parts.loadMs;
  const spreadMs = longestMs - shortestMs;
  const mostLoss = Math.max(loss, (lost + 1) / (probes + 2));
  return {
    ms: scoreOf(measures),
    minMs: shortestMs + fixedMs,
    maxMs: longestMs + 2 * spreadMs + retransmissionMs(mostLoss, timeoutMs(longestMs, spreadMs)) + fixedMs,
    parts,
  };
}

/** The middle one, or the mean of the two in the middle; null when there is none. */
export function medianOf(values: readonly number[]): number | null {
  const sorted = [...values].sort((one, other) => one - other);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  return lower === undefined || upper === undefined ? null : (lower + upper) / 2;
}

/** Mean difference between consecutive values; null when there are fewer than two. */
export function jitterOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const differences = values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? value)));
  return differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
}

/** After how long an engine sends again, in ms. */
export function timeoutMs(rttMs: number, jitterMs: number): number {
  return Math.max(LEAST_TIMEOUT_MS, rttMs + Math.max(TIMEOUT_GRAIN_MS, 4 * jitterMs));
}

function partsOf({ rttMs, jitterMs, lossRate, rtoMs, isConnection, load }: LineMeasures): LineScore['parts'] {
  return {
    rttMs,
    jitterMs: 2 * jitterMs,
    retransmissionMs: retransmissionMs(lossRate, rtoMs),
    carrierMs: isConnection ? Math.max(LEAST_CARRIER_MS, lossRate * rttMs) : 0,
    loadMs: (load / 255) * FULL_LOAD_MS,
  };
}

/** What losses add on average, each transmission being lost with the same chance. */
function retransmissionMs(lossRate: number, rtoMs: number): number {
  const loss = Math.min(lossRate, MAX_LOSS_RATE);
  return (loss / (1 - loss)) * rtoMs;
}

const LEAST_CARRIER_MS = 10;
const FULL_LOAD_MS = 30;
/** Beyond that nothing gets through, and how little does not matter. */
const MAX_LOSS_RATE = 0.9;
/** As the engine does it in its fast modes. */
const LEAST_TIMEOUT_MS = 30;
const TIMEOUT_GRAIN_MS = 10;
