/** First retransmission timeout, before any sample (as in the reference). */
export const INITIAL_RTO_MS = 200;
/** The longest retransmission timeout. */
export const MAX_RTO_MS = 60_000;

/**
 * Smoothed round-trip time and retransmission timeout: the estimator of RFC 6298 with the reference's bounds,
 * `rto = srtt + max(interval, 4 * rttvar)`. Kept in fixed point (srtt in 1/8 ms, rttvar in 1/4 ms) so that small round
 * trips do not round away.
 */
export class RttEstimator {
  private readonly minRtoMs: number;
  private readonly intervalMs: number;
  private srtt8 = 0;
  private rttvar4 = 0;
  private sampled = false;
  private latest = 0;
  /** The current retransmission timeout in ms. */
  rtoMs = INITIAL_RTO_MS;

  constructor(minRtoMs: number, intervalMs: number) {
    this.minRtoMs = minRtoMs;
    this.intervalMs = intervalMs;
  }

  /** Smoothed round-trip time in ms, rounded; 0 before the first sample. */
  get srttMs(): number {
    return (this.srtt8 + 4) >> 3;
  }

  /** Mean deviation in ms, rounded. */
  get rttvarMs(): number {
    return (this.rttvar4 + 2) >> 2;
  }

  /** The last sample in ms; 0 before the first. */
  get latestMs(): number {
    return this.latest;
  }

  /** Takes one measured round trip in whole ms. Negative ones (a time stamp from the future) are ignored. */
  sample(rttMs: number): void {
    if (rttMs < 0 || rttMs > MAX_RTO_MS) return;
    this.latest = rttMs;
    if (!this.sampled) {
      this.sampled = true;
      this.srtt8 = rttMs << 3;
      this.rttvar4 = rttMs << 1;
    } else {
      const error = (rttMs << 3) - this.srtt8;
      this.srtt8 += error >> 3;
      // |error| is in 1/8 ms; rttvar4 += |error| - rttvar, all in 1/4 ms.
      this.rttvar4 += (Math.abs(error) >> 3) - (this.rttvar4 >> 2);
    }
    const spread = Math.max(this.intervalMs, this.rttvar4);
    this.rtoMs = Math.min(MAX_RTO_MS, Math.max(this.minRtoMs, this.srttMs + spread));
  }
}
