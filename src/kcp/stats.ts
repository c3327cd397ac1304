/** What an engine counted since it began, and where it stands. Counters only grow. */
export interface KcpStats {
  /** Smoothed round-trip time in ms; 0 before the first sample. */
  readonly srttMs: number;
  /** Its mean deviation in ms. */
  readonly rttvarMs: number;
  /** The retransmission timeout in ms. */
  readonly rtoMs: number;
  /** Segments sent and not acknowledged. */
  readonly inFlight: number;
  /** Segments queued and not sent. */
  readonly waiting: number;
  /** Payload bytes in flight and waiting. */
  readonly queueBytes: number;
  /** The peer's advertised window in segments. */
  readonly peerWindow: number;
  /** The congestion window in segments; 2147483647 without congestion control. */
  readonly congestionWindow: number;
  /** Data segments sent, first transmissions and retransmissions. */
  readonly segmentsSent: number;
  /** Data segments that arrived and were new. */
  readonly segmentsReceived: number;
  /** Retransmissions because the timeout passed. */
  readonly timeoutRetransmits: number;
  /** Retransmissions because later segments were acknowledged. */
  readonly fastRetransmits: number;
  /** Retransmissions because the path changed: not loss. */
  readonly pathRetransmits: number;
  /** Data segments that had arrived before. */
  readonly duplicatesReceived: number;
  /** Data segments beyond the receive window, dropped. */
  readonly beyondWindowDrops: number;
  /** Data segments dropped because payload memory ran out. */
  readonly memoryDrops: number;
  /** Data segments with more payload than a slot holds, dropped. */
  readonly oversizeDrops: number;
  readonly acksSent: number;
  readonly acksReceived: number;
  readonly windowProbesSent: number;
  /** Segments with a command that means nothing here, skipped. */
  readonly unknownCommands: number;
}
