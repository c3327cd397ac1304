import { DirectionStream } from './direction-stream.ts';
import type { StreamOwner } from './stream-owner.ts';

/** A segment that came before its turn. */
interface EarlySegment {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Bytes of its end that were not captured. */
  readonly missing: number;
}

/** One direction of a connection: puts segments in order. Numbers of bytes are compared as signed differences. */
export class TcpSide {
  readonly #connection: StreamOwner;
  readonly #isForward: boolean;
  /** Made for the first byte: most connections of a scan have none. */
  #stream: DirectionStream | undefined;
  #isFromBeginning = false;
  #hasStarted = false;
  /** Number of the next byte. */
  #next = 0;
  #first = 0;
  /** In order; none begins before the next byte. */
  readonly #early: EarlySegment[] = [];
  #earlyBytes = 0;
  #earlySinceUs = 0;
  #acknowledged: number | undefined;
  /** Packets since the other side acknowledged what was never seen. */
  #overtaken = 0;
  #farSegments = 0;
  #finalNumber: number | undefined;

  constructor(connection: StreamOwner, isForward: boolean) {
    this.#connection = connection;
    this.#isForward = isForward;
  }

  /** Whether a SYN with this number begins another connection. */
  isOther(sequence: number): boolean {
    return this.#hasStarted && ((sequence + 1 - this.#first) | 0) !== 0;
  }

  /** A SYN with this number. */
  begin(sequence: number): void {
    if (this.#hasStarted) return;
    this.#start((sequence + 1) | 0);
    this.#isFromBeginning = true;
  }

  /** A FIN, behind the byte before `sequence`. */
  finish(sequence: number): void {
    if (!this.#hasStarted) this.#start(sequence);
    this.#finalNumber = sequence;
    this.#endIfFinal();
  }

  /** A segment: `kept` bytes at `at`, and `missing` more that were not captured. */
  receive(
    sequence: number,
    bytes: Uint8Array,
    at: number,
    kept: number,
    missing: number,
    timeUs: number,
  ): void {
    if (!this.#hasStarted) this.#start(sequence);
    const ahead = (sequence - this.#next) | 0;
    if (Math.abs(ahead) > MAX_WINDOW_BYTES) {
      // Nothing that one connection sends; unless it goes on like that.
      if (++this.#farSegments < FAR_SEGMENTS) return;
      this.#jump(sequence);
      return this.receive(sequence, bytes, at, kept, missing, timeUs);
    }
    this.#farSegments = 0;
    if (ahead > 0) {
      this.#keepEarly(sequence, bytes, at, kept, missing, timeUs);
      this.#closeOvertakenGap(timeUs);
    } else {
      this.#advance(bytes, at, kept, missing, -ahead);
      this.#drain();
    }
    this.#endIfFinal();
  }

  /** The other side has everything before `sequence`. */
  acknowledge(sequence: number, timeUs: number): void {
    if (!this.#hasStarted || Math.abs((sequence - this.#next) | 0) > MAX_WINDOW_BYTES) return;
    if (this.#acknowledged === undefined || ((sequence - this.#acknowledged) | 0) > 0)
      this.#acknowledged = sequence;
    this.#closeOvertakenGap(timeUs);
    this.#endIfFinal();
  }

  /** No more will come: hands over what waited. */
  flush(isEndOfCapture: boolean): void {
    this.#flushEarly();
    this.#stream?.end(isEndOfCapture);
  }

  /** Gives back all memory; hands nothing over. */
  forget(): void {
    const { budget } = this.#connection.shared;
    if (this.#earlyBytes > 0) budget.give(this.#connection, this.#earlyBytes);
    this.#earlyBytes = 0;
    this.#early.length = 0;
    this.#stream?.forget();
  }

  #start(sequence: number): void {
    this.#hasStarted = true;
    this.#first = sequence;
    this.#next = sequence;
  }

  #jump(sequence: number): void {
    this.#flushEarly();
    this.#loseBytes((sequence - this.#next) >>> 0);
    this.#farSegments = 0;
    this.#next = sequence;
  }

  /** Passes on a segment that is next. @param known bytes at its beginning that were passed on before. */
  #advance(bytes: Uint8Array, at: number, kept: number, missing: number, known: number): void {
    const length = kept + missing;
    if (known >= length) return;
    this.#next = (this.#next + length - known) | 0;
    this.#stream ??= new DirectionStream(this.#connection, this.#isForward, this.#isFromBeginning);
    if (known < kept) this.#stream.take(bytes, at + known, kept - known);
    if (missing > 0) this.#loseBytes(length - Math.max(known, kept));
  }

  #keepEarly(
    sequence: number,
    bytes: Uint8Array,
    at: number,
    kept: number,
    missing: number,
    timeUs: number,
  ): void {
    let place = this.#early.length;
    while (place > 0 && ((this.#early[place - 1]!.sequence - sequence) | 0) > 0) place--;
    const before = this.#early[place - 1];
    if (before?.sequence === sequence && before.bytes.length >= kept) return;
    if (this.#early.length === 0) this.#earlySinceUs = timeUs;
    const cost = kept + EARLY_SEGMENT_COST;
    if (!this.#connection.shared.budget.take(this.#connection, cost)) {
      // No room at all: what is missing is given up at once.
      this.#flushEarly();
      this.#loseBytes((sequence - this.#next) | 0);
      this.#next = sequence;
      return this.#advance(bytes, at, kept, missing, 0);
    }
    this.#earlyBytes += cost;
    this.#early.splice(place, 0, { sequence, bytes: bytes.slice(at, at + kept), missing });
    while (this.#earlyBytes > MAX_EARLY_BYTES) this.#closeGap();
  }

  #flushEarly(): void {
    while (this.#early.length > 0) this.#closeGap();
  }

  /** What the other side has acknowledged, or nobody sent again for long, was not captured. */
  #closeOvertakenGap(timeUs: number): void {
    if (this.#early.length === 0) {
      this.#overtaken = 0;
      return;
    }
    if (this.#acknowledged !== undefined && ((this.#acknowledged - this.#next) | 0) > 0) this.#overtaken++;
    // Captures of several queues have packets in a slightly wrong order.
    if (this.#overtaken < PATIENCE_PACKETS && timeUs - this.#earlySinceUs < PATIENCE_US) return;
    this.#overtaken = 0;
    this.#closeGap();
    this.#earlySinceUs = timeUs;
  }

  /** Goes on behind the gap. */
  #closeGap(): void {
    const first = this.#early[0];
    if (first === undefined) return;
    const missing = (first.sequence - this.#next) | 0;
    if (missing > 0) {
      this.#next = first.sequence;
      this.#loseBytes(missing);
    }
    this.#drain();
  }

  #loseBytes(missing: number): void {
    if (this.#stream !== undefined) return this.#stream.gap(missing);
    this.#isFromBeginning = false;
    this.#connection.shared.notices.tell('stream_gap', 'the beginning of a connection is missing');
  }

  /** Passes on all that is next. */
  #drain(): void {
    for (let first = this.#early[0]; first !== undefined; first = this.#early[0]) {
      const ahead = (first.sequence - this.#next) | 0;
      if (ahead > 0) return;
      this.#early.shift();
      const cost = first.bytes.length + EARLY_SEGMENT_COST;
      this.#earlyBytes -= cost;
      this.#connection.shared.budget.give(this.#connection, cost);
      this.#advance(first.bytes, 0, first.bytes.length, first.missing, -ahead);
    }
    this.#overtaken = 0;
  }

  #endIfFinal(): void {
    if (this.#finalNumber === undefined || ((this.#finalNumber - this.#next) | 0) !== 0) return;
    this.#finalNumber = undefined;
    this.#stream?.end(false);
  }
}

/** The largest window there is; a segment farther away belongs to something else. */
const MAX_WINDOW_BYTES = 1 << 30;
const FAR_SEGMENTS = 3;
/** Held of one direction while a segment is missing. */
const MAX_EARLY_BYTES = 4 * 1024 * 1024;
/** What a held segment costs beside its bytes. */
const EARLY_SEGMENT_COST = 256;
const PATIENCE_PACKETS = 4;
const PATIENCE_US = 15_000_000;
