/**
 * Why a probe counts as failed:
 * - `timeout`: no answer in time.
 * - `refused`: nothing listens there.
 * - `unreachable`: the system knows no way there.
 * - `closed`: the connection was ended without answer.
 * - `bad_answer`: something came that is no answer to this probe.
 * - `http_status`: HTTP was spoken, but the status is neither 200 nor 503.
 */
export const PROBE_FAILURES = [
  'timeout',
  'refused',
  'unreachable',
  'closed',
  'bad_answer',
  'http_status',
] as const;
export type ProbeFailure = (typeof PROBE_FAILURES)[number];

/**
 * Why a probe says nothing about the gateway:
 * - `late`: this process did not run when it should have, so an answer may have been missed or not been possible.
 * - `local_fault`: this host could not send it (no descriptor, port or memory left).
 */
export const DISCARD_REASONS = ['late', 'local_fault'] as const;
export type DiscardReason = (typeof DISCARD_REASONS)[number];

/** What an answer tells of the gateway. */
export interface GatewayCondition {
  /** 0 idle to 255 full; null when it was not told. */
  readonly load: number | null;
  readonly draining: boolean;
  readonly notReady: boolean;
  /** When the gateway started, in seconds of Unix time; null when it was not told. */
  readonly epochSeconds: number | null;
}

/** What became of one probe. */
export type ProbeOutcome =
  | { readonly result: 'answered'; readonly tookMs: number; readonly condition: GatewayCondition }
  | {
      readonly result: 'failed';
      readonly reason: ProbeFailure;
      /** For people; empty when the reason says it. */
      readonly detail: string;
    }
  | { readonly result: 'discarded'; readonly reason: DiscardReason; readonly detail: string };

export const failed = (reason: ProbeFailure, detail = ''): ProbeOutcome => ({
  result: 'failed',
  reason,
  detail,
});

export const discarded = (reason: DiscardReason, detail = ''): ProbeOutcome => ({
  result: 'discarded',
  reason,
  detail,
});
