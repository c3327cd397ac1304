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
  // Handshakes.
  'hello_too_short',
  'hello_truncated',
  'hello_kind',
  'hello_version',
  'hello_reserved',
  'hello_ticket_length',
  'hello_forged',
  'hello_unexpected',
  'ticket_malformed',
  'ticket_unknown_key',
  'ticket_forged',
  'ticket_other_conv',
  'ticket_other_seal',
  'ticket_expired',
  'clear_not_allowed',
  'conv_collision',
  'half_open_limit',
  // Sessions that logged in.
  'open_failed',
  'replayed',
  'seal_required',
  'path_not_allowed',
  'connection_taken',
  // What is answered without a session, and what goes elsewhere.
  'probe_malformed',
  'answer_limit',
  'reset_not_believed',
  'relay_failed',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

const INDEX_OF = Object.fromEntries(DROP_REASONS.map((reason, index) => [reason, index])) as Record<
  DropReason,
  number
>;

/** Counts drops by reason in plain integers. */
export class DropCounters {
  /** All together. */
  total = 0;
  private readonly counts = new Float64Array(DROP_REASONS.length);

  count(reason: DropReason): void {
    this.total++;
    this.counts[INDEX_OF[reason]]!++;
  }

  /** Counts a {@link DatagramFault} other than `none`. */
  countFault(fault: number): void {
    this.total++;
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
