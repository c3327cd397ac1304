import type { CongestionController } from './congestion-controller.ts';

/**
 * The reference's congestion window (`nc = 0`): starts at one segment, grows by one a step below `ssthresh`, by about one
 * a window above it; halves on a fast retransmission, falls to one on a timeout. `ssthresh` starts at 2 and never goes
 * below.
 *
 * What a step is makes the two variants. `reno`: a datagram that moved `una`, as in the reference; after a loss, when one
 * datagram acknowledges many segments, that window crawls. `reno-abc`: an acknowledged segment, as TCP counts bytes
 * (RFC 3465).
 */
export class RenoCongestionControl implements CongestionController {
  readonly name: 'reno' | 'reno-abc';
  private readonly segmentBytes: number;
  private window = 1;
  private threshold = MIN_THRESHOLD;
  /** The window in bytes, with the fractions of a segment that congestion avoidance gathers. */
  private windowBytes: number;

  constructor(name: 'reno' | 'reno-abc', segmentBytes: number) {
    this.name = name;
    this.segmentBytes = segmentBytes;
    this.windowBytes = segmentBytes;
  }

  get windowSegments(): number {
    return this.window;
  }

  get thresholdSegments(): number {
    return this.threshold;
  }

  onProgress(acknowledged: number, peerWindow: number): void {
    const steps = this.name === 'reno' ? 1 : acknowledged;
    for (let i = 0; i < steps && this.window < peerWindow; i++) this.growOnce(peerWindow);
  }

  onFastRetransmit(inFlight: number, fastResend: number): void {
    this.threshold = Math.max(MIN_THRESHOLD, inFlight >> 1);
    this.shrinkTo(this.threshold + fastResend);
  }

  onTimeout(inFlight: number): void {
    this.threshold = Math.max(MIN_THRESHOLD, Math.min(inFlight, this.window) >> 1);
    this.shrinkTo(1);
  }

  private growOnce(peerWindow: number): void {
    const size = this.segmentBytes;
    if (this.window < this.threshold) {
      this.window++;
      this.windowBytes += size;
    } else {
      this.windowBytes = Math.max(this.windowBytes, size);
      this.windowBytes += Math.floor((size * size) / this.windowBytes) + (size >> 4);
      if ((this.window + 1) * size <= this.windowBytes)
        this.window = Math.floor((this.windowBytes + size - 1) / size);
    }
    if (this.window > peerWindow) this.shrinkTo(peerWindow);
  }

  private shrinkTo(window: number): void {
    this.window = Math.max(1, window);
    this.windowBytes = this.window * this.segmentBytes;
  }
}

const MIN_THRESHOLD = 2;
