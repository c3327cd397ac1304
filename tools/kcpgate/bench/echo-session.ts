import type { SessionPort, Sink } from '../../../src/base/sink.ts';

/** What a run of echoes fills. */
export interface EchoSamples {
  readonly latencyMs: Float64Array;
  count: number;
  /** Echoes of the warm-up that are still to come; they are not taken. */
  warmUpLeft: number;
}

/** One client session that sends messages with the time in them and takes the time of each echo. */
export class EchoSession implements Sink {
  private readonly port: SessionPort;
  private readonly samples: EchoSamples;
  private readonly onEcho: (session: EchoSession) => void;
  private readonly onClose: (reason: string) => void;
  private readonly message: Uint8Array;
  private readonly messageView: DataView;
  /** The echo as far as it came; message boundaries are not relied on. */
  private readonly echo: Uint8Array;
  private readonly echoView: DataView;
  private echoLength = 0;

  constructor(
    port: SessionPort,
    sizeBytes: number,
    samples: EchoSamples,
    onEcho: (session: EchoSession) => void,
    onClose: (reason: string) => void,
  ) {
    this.port = port;
    this.samples = samples;
    this.onEcho = onEcho;
    this.onClose = onClose;
    this.message = new Uint8Array(Math.max(8, sizeBytes));
    this.messageView = new DataView(this.message.buffer);
    this.echo = new Uint8Array(this.message.length);
    this.echoView = new DataView(this.echo.buffer);
  }

  /** Sends one message. @returns whether there was room for it. */
  send(): boolean {
    this.messageView.setFloat64(0, performance.now());
    return this.port.send(this.message, 0, this.message.length) === this.message.length;
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    let at = offset;
    const end = offset + length;
    while (at < end) {
      this.echo[this.echoLength++] = bytes[at++] ?? 0;
      if (this.echoLength === this.echo.length) this.take();
    }
    return true;
  }

  flush(): void {
    // Nothing is gathered.
  }

  end(): void {
    // A stock session has no end of stream.
  }

  writable(): void {
    // A message that found no room is lost to the count.
  }

  drain(): void {
    // Only a gateway drains.
  }

  close(_code: number, reason: string): void {
    this.onClose(reason);
  }

  private take(): void {
    this.echoLength = 0;
    const { samples } = this;
    if (samples.warmUpLeft > 0) {
      samples.warmUpLeft--;
    } else if (samples.count < samples.latencyMs.length) {
      samples.latencyMs[samples.count++] = performance.now() - this.echoView.getFloat64(0);
    }
    this.onEcho(this);
  }
}
