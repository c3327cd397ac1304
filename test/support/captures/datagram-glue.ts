import type { FlowEnd } from '../../../tools/kcpgate/inspect/found-datagram.ts';
import type { CaptureRecorder } from './capture-recorder.ts';

/**
 * Writes datagrams down as a kernel shows them that hands them on in runs: those of one way and one size that come in one turn are
 * one, of which only the last may be shorter.
 */
export class DatagramGlue {
  readonly #recorder: CaptureRecorder;
  #run: Run | null = null;

  constructor(recorder: CaptureRecorder) {
    this.#recorder = recorder;
  }

  udp(from: FlowEnd, to: FlowEnd, datagram: Uint8Array): void {
    if (this.#run !== null && !goesOn(this.#run, from, to, datagram)) this.flush();
    if (this.#run === null) setImmediate(() => this.flush());
    this.#run ??= { from, to, pieces: [] };
    this.#run.pieces.push(datagram);
    if (datagram.length < this.#run.pieces[0]!.length) this.flush();
  }

  /** Writes what is held. */
  flush(): void {
    const run = this.#run;
    this.#run = null;
    if (run !== null) this.#recorder.udp(run.from, run.to, Buffer.concat(run.pieces));
  }
}

interface Run {
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  readonly pieces: Uint8Array[];
}

function goesOn({ from, to, pieces }: Run, nextFrom: FlowEnd, nextTo: FlowEnd, next: Uint8Array): boolean {
  const size = pieces[0]!.length;
  return (
    isSame(from, nextFrom) &&
    isSame(to, nextTo) &&
    next.length <= size &&
    (pieces.length + 1) * size <= MAX_RUN_BYTES
  );
}

const isSame = (one: FlowEnd, other: FlowEnd): boolean =>
  one.address === other.address && one.port === other.port;

/** What UDP and IP can say in their fields of length, with room for headers. */
const MAX_RUN_BYTES = 65_000;
