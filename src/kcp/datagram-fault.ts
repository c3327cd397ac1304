/** Why {@link KcpEngine.handleDatagram} stopped reading a datagram. Segments before the fault were applied. */
export const DatagramFault = {
  /** Nothing wrong. */
  none: 0,
  /** Shorter than one header. */
  tooShort: 1,
  /** A segment of another conversation. */
  otherConversation: 2,
  /** `len` goes beyond the datagram. */
  truncated: 3,
  /** `una` acknowledges what was never sent: corrupted or forged; believing it would lose data. */
  unaBeyondSent: 4,
} as const;

export type DatagramFault = (typeof DatagramFault)[keyof typeof DatagramFault];

/** The faults' names as counted, by number. */
export const DATAGRAM_FAULT_NAMES = [
  'none',
  'too_short',
  'other_conversation',
  'truncated',
  'una_beyond_sent',
] as const;
