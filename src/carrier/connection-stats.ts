/** Why a connection was turned away, or ended, before it had an address slot. */
export const REFUSAL_REASONS = [
  /** The peer was gone again. */
  'peer_closed',
  /** As many connections as there may be. */
  'connection_limit',
  /** As many of this source as there may be. */
  'source_limit',
  /** It ended, or its time did, before the PROXY header was complete. */
  'proxy_incomplete',
  // What began like a PROXY header is none that is accepted: the faults of src/wire.
  'proxy_malformed',
  'proxy_version',
  'proxy_family',
  'proxy_oversize',
  'proxy_checksum',
  /** An HTTP request that is no WebSocket upgrade. */
  'bad_upgrade',
  /** It does not offer the subprotocol. */
  'subprotocol_missing',
  /** A page of an origin that is not allowed. */
  'origin_not_allowed',
  /** The carrier is being closed. */
  'closing',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Why a connection that had an address slot ended. */
export const CONNECTION_END_REASONS = [
  /** `disconnect` was called for it, or the carrier was closed. */
  'disconnected',
  'peer_closed',
  /** The system reported an error, such as "connection reset". */
  'error',
  /** It was not confirmed in time: slow, silent, or sending what nobody wants. */
  'first_datagram_timeout',
  /** More was queued for it than there may be. */
  'slow_consumer',
  'frame_empty',
  'frame_oversize',
  /** The TLS handshake failed. */
  'tls_failed',
  /** A WebSocket message that is text. */
  'text_message',
  /** What RFC 6455 does not allow. */
  'websocket_fault',
  'ping_timeout',
] as const;

export type ConnectionEndReason = (typeof CONNECTION_END_REASONS)[number];

/** Counters of the connections of one carrier. Those that grow begin at zero. */
export interface ConnectionStats {
  /** Connections that got an address slot. */
  readonly opened: number;
  /** Of those, the ones that did not end yet. */
  readonly open: number;
  /** Every reason is there; those never seen are 0. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Every reason is there; those never seen are 0. */
  readonly closed: Readonly<Record<ConnectionEndReason, number>>;
}

/** {@link ConnectionStats} while they are being counted. */
export class ConnectionCounters {
  opened = 0;
  readonly #refused = new Float64Array(REFUSAL_REASONS.length);
  readonly #closed = new Float64Array(CONNECTION_END_REASONS.length);

  refuse(reason: RefusalReason): void {
    this.#refused[REFUSAL_REASONS.indexOf(reason)]!++;
  }

  close(reason: ConnectionEndReason): void {
    this.#closed[CONNECTION_END_REASONS.indexOf(reason)]!++;
  }

  snapshot(open: number): ConnectionStats {
    return {
      opened: this.opened,
      open,
      refused: byName(REFUSAL_REASONS, this.#refused),
      closed: byName(CONNECTION_END_REASONS, this.#closed),
    };
  }
}

function byName<Name extends string>(names: readonly Name[], counts: Float64Array): Record<Name, number> {
  return Object.fromEntries(names.map((name, index) => [name, counts[index]!])) as Record<Name, number>;
}
