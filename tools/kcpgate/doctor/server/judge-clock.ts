import { parseRfc3339 } from '../../../../src/client/wall-time.ts';
import type { Finding } from '../finding.ts';

/**
 * How far the clock here is from the gateway's.
 * @param askedAtMs when the login was asked for by the clock here, in ms of Unix time; the answer was written within the
 *   following `tookMs`.
 */
export function judgeClockSkew(serverTime: string, askedAtMs: number, tookMs: number): Finding {
  const check = 'clock';
  const serverMs = parseRfc3339(serverTime);
  if (serverMs === undefined) return { check, status: 'note', text: 'the login does not tell its time' };
  const skewMs = Math.round(askedAtMs + tookMs / 2 - serverMs);
  const details = { skewMs, uncertainMs: Math.ceil(tookMs / 2) };
  const apart = Math.max(0, Math.abs(skewMs) - details.uncertainMs);
  const seconds = `${(Math.abs(skewMs) / 1000).toFixed(1)} s`;
  const text = `${seconds} ${skewMs < 0 ? 'behind' : 'ahead of'} the gateway`;
  if (apart <= GOOD_MS) return { check, status: 'ok', text, details };
  if (apart <= TOLERATED_MS) return { check, status: 'note', text, details };
  const advice = ['let the system keep the time (NTP): tokens and certificates seem too old or too new'];
  return { check, status: 'warning', text, advice, details };
}

const GOOD_MS = 2_000;
/** `jwt.clock_tolerance`, unless it is set otherwise. */
const TOLERATED_MS = 30_000;
