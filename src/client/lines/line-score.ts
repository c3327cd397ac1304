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
  const carrierMs = isConnection ? Math.max(LEAST_CARRIER_MS, loss * rttMs) : 0;
  const loadMs = (load / 255) * FULL_LOAD_MS;
  const parts = {
    rttMs,
    jitterMs: 2 * jitterMs,
    retransmissionMs: retransmissionMs(loss, rttMs, jitterMs),
    carrierMs,
    loadMs,
  };
  const fixedMs = carrierMs + loadMs;
  const spreadMs = longestMs - shortestMs;
  const mostLoss = Math.max(loss, (lost + 1) / (probes + 2));
  return {
    ms: rttMs + parts.jitterMs + parts.retransmissionMs + fixedMs,
    minMs: shortestMs + fixedMs,
    maxMs: longestMs + 2 * spreadMs + retransmissionMs(mostLoss, longestMs, spreadMs) + fixedMs,
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

/** What losses add on average, each transmission being lost with the same chance. */
function retransmissionMs(loss: number, rttMs: number, jitterMs: number): number {
  return (loss / (1 - loss)) * timeoutMs(rttMs, jitterMs);
}

const LEAST_CARRIER_MS = 10;
const FULL_LOAD_MS = 30;
/** As the engine does it in its fast modes. */
const LEAST_TIMEOUT_MS = 30;
const TIMEOUT_GRAIN_MS = 10;
