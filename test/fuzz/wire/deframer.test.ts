import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deframer, MAX_FRAMED_BYTES } from '../../../src/wire/frame.ts';
import { mutated } from './mutate.ts';
import { LIMIT_MS, RUNS } from './runs.ts';

interface Outcome {
  readonly datagrams: Uint8Array[];
  readonly fault: string | undefined;
  readonly pending: number;
}

/** What the specification says of a stream, without any state. */
function expected(bytes: Uint8Array, max: number): Outcome {
  const datagrams: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= 2) {
    const length = bytes[at]! * 256 + bytes[at + 1]!;
    if (length === 0) return { datagrams, fault: 'frame_empty', pending: 0 };
    if (length > max) return { datagrams, fault: 'frame_oversize', pending: 0 };
    if (bytes.length - at - 2 < length) break;
    datagrams.push(bytes.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return { datagrams, fault: undefined, pending: bytes.length - at };
}

/** The same from a deframer, with the stream in pieces that are overwritten after their turn. */
function found(bytes: Uint8Array, max: number, cuts: readonly number[]): Outcome {
  const deframer = new Deframer(max);
  const datagrams: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const chunk = new Uint8Array(to - from + 4).fill(0xa5);
    chunk.set(bytes.subarray(from, to), 2);
    deframer.begin(chunk, 2, to - from);
    while (deframer.next()) {
      expect(deframer.at + deframer.length).toBeLessThanOrEqual(deframer.bytes.length);
      // Its own memory never grows beyond one frame.
      if (deframer.bytes !== chunk) expect(deframer.bytes.length).toBeLessThanOrEqual(max + 2);
      datagrams.push(deframer.bytes.slice(deframer.at, deframer.at + deframer.length));
    }
    chunk.fill(0x5a);
    from = to;
  }
  return { datagrams, fault: deframer.fault, pending: deframer.pendingBytes };
}

const frames = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.uint8Array({ minLength: 1000, maxLength: 2500 }),
    ),
    {
      maxLength: 6,
    },
  )
  .map((datagrams) =>
    Uint8Array.from(datagrams.flatMap((each) => [each.length >> 8, each.length & 0xff, ...each])),
  );
const stream = fc.oneof(
  { weight: 2, arbitrary: frames },
  { weight: 3, arbitrary: mutated(frames) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
const limit = fc.constantFrom(1, 60, 1500, 2500, MAX_FRAMED_BYTES);

describe('fuzz: the deframer', () => {
  it(
    'finds the same in any stream, however it is cut',
    () => {
      fc.assert(
        fc.property(stream, cuts, limit, (bytes, fractions, max) => {
          const at = fractions.map((each) => Math.floor(each * bytes.length)).sort((a, b) => a - b);
          const outcome = expected(bytes, max);
          expect(found(bytes, max, at)).toEqual(outcome);
          expect(found(bytes, max, [])).toEqual(outcome);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'finds the same byte by byte',
    () => {
      const short = fc.oneof(
        mutated(
          fc
            .array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 5 })
            .map((datagrams) => Uint8Array.from(datagrams.flatMap((each) => [0, each.length, ...each]))),
        ),
        fc.uint8Array({ maxLength: 60 }),
      );
      fc.assert(
        fc.property(short, limit, (bytes, max) => {
          const everywhere = Array.from({ length: bytes.length }, (_, index) => index);
          expect(found(bytes, max, everywhere)).toEqual(expected(bytes, max));
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
