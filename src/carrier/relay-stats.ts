/** Why a relay dropped a datagram. */
export const RELAY_DROP_REASONS = [
  /** It came from an address that is no peer's. */
  'relay_unknown_peer',
  /** It does not begin with a whole PROXY version 2 header that names a client. */
  'relay_bad_header',
  /** There is no datagram behind the header. */
  'relay_too_short',
  /** Another gateway owns its session: what was relayed once is not relayed again. */
  'relay_not_owner',
  /** To be sent on, and no peer has this gateway id. */
  'relay_unknown_owner',
  /** Nobody is behind that slot of a line any more, or the address is none that a header can hold. */
  'relay_unknown_client',
  /** An answer for a line that is none of this gateway. */
  'relay_unknown_line',
  /** Every client known has a session or sent something just now: there is no room for one more. */
  'relay_table_full',
  /** More datagrams, or new clients, a second than there may be. */
  'relay_rate_limit',
  /** With its header it is larger than a datagram may be, or without it than the line takes. */
  'relay_oversize',
  /** More than enough waits to be sent to that client. */
  'relay_line_full',
] as const;

export type RelayDropReason = (typeof RELAY_DROP_REASONS)[number];

/** Counters of a relay, growing from zero but for `clients` and `relayedClients`. */
export interface RelayStats {
  /** Datagrams of clients sent on to the owners of their sessions. */
  readonly forwarded: number;
  /** Answers of owners sent out by the lines here. */
  readonly answered: number;
  /** Datagrams that other gateways sent on to this one. */
  readonly requests: number;
  /** Clients of this gateway's sessions on lines of others, known now. */
  readonly clients: number;
  /** Clients on lines of this gateway whose sessions others own, known now. */
  readonly relayedClients: number;
  /** Datagrams dropped, by reason. Every reason is there; those never seen are 0. */
  readonly drops: Readonly<Record<RelayDropReason, number>>;
}

/** {@link RelayStats} while they are being counted. */
export class RelayCounters {
  forwarded = 0;
  answered = 0;
  requests = 0;
  readonly #drops = new Float64Array(RELAY_DROP_REASONS.length);

  drop(reason: RelayDropReason): void {
    this.#drops[RELAY_DROP_REASONS.indexOf(reason)]!++;
  }

  snapshot(clients: number, relayedClients: number): RelayStats {
    const { forwarded, answered, requests } = this;
    const drops = Object.fromEntries(
      RELAY_DROP_REASONS.map((reason, index) => [reason, this.#drops[index]!]),
    ) as Record<RelayDropReason, number>;
    return { forwarded, answered, requests, clients, relayedClients, drops };
  }
}
