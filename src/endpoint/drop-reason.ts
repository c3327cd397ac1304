import { DATAGRAM_FAULT_NAMES } from '../kcp/index.ts';

const [, ...FAULTS] = DATAGRAM_FAULT_NAMES;

/** Why an endpoint dropped a datagram: the names it is counted under. The first ones are the engine's faults, from 1 on. */
export const DROP_REASONS = [
  ...FAULTS,
  'empty',
  'unknown_kind',
  'kind_not_accepted',
  'not_an_opening',
  'unknown_session',
  'stock_not_allowed',
  'draining',
  'session_limit',
  'source_limit',
  'rate_limit',
  'refused',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** Counts drops by reason in plain integers. */
export class DropCounters {
  private readonly counts = new Float64Array(DROP_REASONS.length);

  count(reason: DropReason): void {
    this.counts[DROP_REASONS.indexOf(reason)]!++;
  }

  /** Counts a {@link DatagramFault} other than `none`. */
  countFault(fault: number): void {
    this.counts[fault - 1]!++;
  }

  /** Every reason with its count; those never seen are 0. */
  snapshot(): Record<DropReason, number> {
    const result = {} as Record<DropReason, number>;
    DROP_REASONS.forEach((reason, index) => {
      result[reason] = this.counts[index]!;
    });
    return result;
  }
}
