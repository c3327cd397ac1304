import type { SocketAddress } from '../../base/address.ts';
import type { Line } from '../login-answer.ts';

/** What probing one line showed. Times in ms. */
export interface LineEvidence {
  readonly line: Line;
  /** The address that was probed; undefined where the platform looked it up by itself, or none was. */
  readonly address: SocketAddress | undefined;
  /** Probes that were sent long enough ago to count, and answers to them. */
  readonly sent: number;
  readonly answered: number;
  /** Round trips in the order the probes were sent; null: not answered. */
  readonly rttsMs: readonly (number | null)[];
  readonly medianRttMs: number | null;
  /** Mean difference between consecutive round trips. */
  readonly jitterMs: number | null;
  /** Whether the probe of full size was answered; null: not tried. */
  readonly fullSize: boolean | null;
  /** 0 idle to 255 full, as the gateway said last. */
  readonly load: number | null;
  readonly draining: boolean;
  readonly notReady: boolean;
  /** How this client looks from there. */
  readonly seenAs: SocketAddress | null;
  /** Lower is better; null when nothing answered. What it is made of is in `parts`. */
  readonly score: LineScore | null;
  /** Why it could not be used: the code of an error, or `no_answer`. */
  readonly fault: string | null;
}

/** A score in ms, with what is known of its bounds, and its parts. */
export interface LineScore {
  readonly ms: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly parts: {
    readonly rttMs: number;
    readonly jitterMs: number;
    readonly retransmissionMs: number;
    readonly carrierMs: number;
    readonly loadMs: number;
  };
}

/** What `findFastestLine` found. */
export interface LineReport {
  /** The line to use; null when none answered. */
  readonly best: Line | null;
  /** Each line once, at its best address. Best first; those that cannot be used last. */
  readonly lines: readonly LineEvidence[];
  /** The same lines at other addresses. Best first. */
  readonly otherAddresses: readonly LineEvidence[];
  /** Why that line, in a sentence. */
  readonly reason: string;
  readonly tookMs: number;
}
