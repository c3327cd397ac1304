import { KeyedLimiter, TokenBucket } from '../base/token-bucket.ts';
import type { DropReason } from './drop-reason.ts';

/** What an endpoint lets in. */
export interface AdmissionConfig {
  /** Open sessions at most. */
  readonly maxSessions: number;
  /** Open sessions at most from one IPv4 address or IPv6 /64. */
  readonly maxSessionsPerSource: number;
  /** New sessions a second, all sources together; bursts of one second's worth. */
  readonly newSessionsPerSecond: number;
  /** New sessions a second from one IPv4 address or IPv6 /64; bursts of one second's worth. */
  readonly newSessionsPerSourcePerSecond: number;
}

/** Decides whether one more session may open, before anything is allocated for it. */
export class Admission {
  private readonly config: AdmissionConfig;
  private readonly total: TokenBucket;
  private readonly perSource: KeyedLimiter;
  private readonly openBySource = new Map<string, number>();
  private open = 0;

  constructor(config: AdmissionConfig) {
    this.config = config;
    this.total = new TokenBucket({
      ratePerSecond: config.newSessionsPerSecond,
      burst: config.newSessionsPerSecond,
    });
    this.perSource = new KeyedLimiter({
      ratePerSecond: config.newSessionsPerSourcePerSecond,
      burst: config.newSessionsPerSourcePerSecond,
      maxKeys: MAX_SOURCES,
    });
  }

  /**
   * Whether a session from this source may open now; if not, the reason to count. Takes from the rates if it may.
   * @param hasPlace it takes the place of one that is open. Default false.
   */
  admit(now: number, source: string, hasPlace = false): DropReason | undefined {
    const limit = hasPlace ? undefined : this.limitOf(source);
    if (limit !== undefined) return limit;
    if (!this.perSource.take(source, now) || !this.total.take(now)) return 'rate_limit';
    return undefined;
  }

  /** Which limit on open sessions one more from this source would exceed, whatever the rates. */
  limitOf(source: string): DropReason | undefined {
    if (this.open >= this.config.maxSessions) return 'session_limit';
    if ((this.openBySource.get(source) ?? 0) >= this.config.maxSessionsPerSource) return 'source_limit';
    return undefined;
  }

  opened(source: string): void {
    this.open++;
    this.openBySource.set(source, (this.openBySource.get(source) ?? 0) + 1);
  }

  closed(source: string): void {
    this.open--;
    const left = (this.openBySource.get(source) ?? 1) - 1;
    if (left > 0) this.openBySource.set(source, left);
    else this.openBySource.delete(source);
  }
}

/** Sources whose rate is tracked one by one; about 150 bytes each. */
const MAX_SOURCES = 65_536;
