/**
 * Decides how many segments may be in flight, beside the send window and the peer's window. One object per engine.
 *
 * The engine calls in with segment counts; times are not needed by the strategies that exist so far.
 */
export interface CongestionController {
  readonly name: string;
  /** The most segments in flight now. */
  readonly windowSegments: number;
  /**
   * One datagram moved `una` forward and acknowledged so many segments; `peerWindow` is the window it advertised, in
   * segments.
   */
  onProgress(acknowledged: number, peerWindow: number): void;
  /** At least one segment was retransmitted early in this drain. `inFlight` = snd_nxt - snd_una. */
  onFastRetransmit(inFlight: number, fastResend: number): void;
  /** At least one segment timed out in this drain. */
  onTimeout(inFlight: number): void;
}

/** The window never changes. */
const unmoved = (): void => undefined;

/** Congestion control off (`nc = 1`): the windows alone decide. It has no state, so one serves all engines. */
export const NO_CONGESTION_CONTROL: CongestionController = Object.freeze({
  name: 'none',
  windowSegments: 0x7fffffff,
  onProgress: unmoved,
  onFastRetransmit: unmoved,
  onTimeout: unmoved,
});
