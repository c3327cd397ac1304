/** Why a segment is sent again: its time passed, later ones were acknowledged first, or the path changed. */
export type RetransmissionCause = 'timeout' | 'fast' | 'path';

/** Told of every segment that is sent again, before the datagram that it stands in. */
export interface RetransmissionTrace {
  retransmitted(sn: number, cause: RetransmissionCause): void;
}
