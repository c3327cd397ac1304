import { type AnySegment, writeAnySegment } from '../../src/wire/any-segment.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { PcapngWriter } from '../../tools/kcpgate/inspect/capture/pcapng-writer.ts';
import { udpFrame } from '../../tools/kcpgate/inspect/capture/udp-frame.ts';

/** The two ends of every {@link BuiltCapture}. */
const CAPTURE_CLIENT = { address: '10.0.0.2', port: 51_000 };
const CAPTURE_GATEWAY = { address: '10.0.0.1', port: 4000 };

/** 2026-01-02 03:04:05 UTC, in microseconds since 1970. */
const CAPTURE_START_US = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;

/** A pcapng capture that is written datagram by datagram, always the same bytes. */
export class BuiltCapture {
  readonly #pieces: Uint8Array[] = [];
  readonly #writer = new PcapngWriter({ sink: (piece) => this.#pieces.push(piece) });
  readonly #memory = wireMemory(new Uint8Array(65_507));

  /** Adds a datagram of the client or the gateway, so many milliseconds after the beginning. */
  add(afterMs: number, side: 'client' | 'gateway', ...segments: readonly AnySegment[]): this {
    let length = 0;
    for (const segment of segments) length += writeAnySegment(this.#memory, length, segment);
    return this.addBytes(afterMs, side, this.#memory.bytes.subarray(0, length));
  }

  addBytes(afterMs: number, side: 'client' | 'gateway', datagram: Uint8Array): this {
    const [from, to] =
      side === 'client' ? [CAPTURE_CLIENT, CAPTURE_GATEWAY] : [CAPTURE_GATEWAY, CAPTURE_CLIENT];
    const frame = udpFrame(from, to, datagram, 0, datagram.length);
    this.#writer.writePacket(CAPTURE_START_US + afterMs * 1000, frame, 0, frame.length);
    return this;
  }

  /** The file so far. */
  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#pieces));
  }
}

/** A data segment. */
export const push = (
  conv: number,
  sn: number,
  text: string,
  more: { una?: number; wnd?: number; ts?: number } = {},
): AnySegment => ({
  type: 'push',
  conv,
  frg: 0,
  wnd: more.wnd ?? 128,
  ts: more.ts ?? 0,
  sn,
  una: more.una ?? 0,
  payload: new TextEncoder().encode(text),
});

/** An acknowledgement. */
export const ack = (
  conv: number,
  sn: number,
  una: number,
  more: { wnd?: number; ts?: number } = {},
): AnySegment => ({
  type: 'ack',
  conv,
  wnd: more.wnd ?? 128,
  ts: more.ts ?? 0,
  sn,
  una,
});

/** Tells the window. */
const tell = (conv: number, una: number, wnd: number): AnySegment => ({
  type: 'windowTell',
  conv,
  wnd,
  ts: 0,
  sn: 0,
  una,
});

/** The conv of {@link smallCapture}. */
export const SMALL_CONV = 0x01020304;

/**
 * A short session without login: an answer, a segment that is overtaken and sent again, one that times out, a window that
 * closes, a kick; beside it a datagram of something else.
 */
export function smallCapture(): BuiltCapture {
  const conv = SMALL_CONV;
  return new BuiltCapture()
    .add(0, 'client', push(conv, 0, 'hello ', { ts: 1000 }))
    .add(30, 'gateway', ack(conv, 0, 1, { ts: 1000 }), push(conv, 0, 'HELLO ', { ts: 500, una: 1 }))
    .add(60, 'client', ack(conv, 0, 1, { ts: 500 }), push(conv, 1, 'one ', { ts: 1060, una: 1 }))
    .add(61, 'client', push(conv, 2, 'two ', { ts: 1061, una: 1 }))
    .add(62, 'client', push(conv, 3, 'three ', { ts: 1062, una: 1 }))
    .add(63, 'client', push(conv, 4, 'four ', { ts: 1063, una: 1 }))
    .add(92, 'gateway', ack(conv, 2, 1, { ts: 1061 }))
    .add(93, 'gateway', ack(conv, 3, 1, { ts: 1062 }))
    .add(94, 'gateway', ack(conv, 4, 1, { ts: 1063 }))
    .add(95, 'client', push(conv, 1, 'one ', { ts: 1095, una: 1 }))
    .add(126, 'gateway', ack(conv, 1, 5, { ts: 1095, wnd: 0 }))
    .addBytes(
      200,
      'client',
      Uint8Array.from({ length: 40 }, (_, index) => (index * 37 + 200) & 0xff),
    )
    .add(1626, 'gateway', tell(conv, 5, 128))
    .add(1630, 'client', push(conv, 5, 'end', { ts: 2630, una: 1 }))
    .add(1930, 'client', push(conv, 5, 'end', { ts: 2930, una: 1 }))
    .add(1961, 'gateway', ack(conv, 5, 6, { ts: 2930 }))
    .add(2000, 'gateway', {
      type: 'kick',
      conv,
      wnd: 128,
      una: 6,
      code: 3500,
      retryAfterMs: 0,
      reason: 'bye',
    });
}
