import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PrintableStream } from '../../../../../../tools/kcpgate/inspect/views/printable-stream.ts';
import {
  StreamAssembler,
  type AssemblerLimits,
} from '../../../../../../tools/kcpgate/inspect/views/stream-assembler.ts';

/** An assembler and everything that came out of it: bytes as their `sn`, gaps as text. */
function recorded(limits: AssemblerLimits = {}): { assembler: StreamAssembler; out: (number | string)[] } {
  const out: (number | string)[] = [];
  const assembler = new StreamAssembler(
    {
      data: (bytes) => {
        out.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
      },
      gap: (sn, lastSn) => {
        out.push(`${sn}-${lastSn}`);
      },
    },
    limits,
  );
  return { assembler, out };
}

/** Four bytes that say which segment they are of. */
function payloadOf(sn: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, sn);
  return bytes;
}

describe('putting segments in order', () => {
  test('each comes once, whatever the order', () => {
    const { assembler, out } = recorded();
    for (const sn of [1, 0, 0, 3, 3, 2, 1]) assembler.push(sn, payloadOf(sn));
    expect(out).toEqual([0, 1, 2, 3]);
  });

  test('what waits is kept, though its memory is used again', () => {
    const { assembler, out } = recorded();
    const bytes = payloadOf(1);
    assembler.push(1, bytes);
    bytes.fill(0xff);
    assembler.push(0, payloadOf(0));
    expect(out).toEqual([0, 1]);
  });

  test('what the receiver has and the capture has not is a gap, at once', () => {
    const { assembler, out } = recorded();
    for (const sn of [0, 2, 4, 5]) assembler.push(sn, payloadOf(sn));
    assembler.acknowledged(4);
    expect(out).toEqual([0, '1-1', 2, '3-3', 4, 5]);
    assembler.acknowledged(1000);
    expect(out).toHaveLength(6);
    assembler.push(7, payloadOf(7));
    assembler.finish();
    expect(out.slice(6)).toEqual(['6-6', 7]);
  });

  test('a capture that begins later begins there; numbers wrap', () => {
    const { assembler, out } = recorded();
    for (const sn of [0xffff_fffe, 0, 0xffff_ffff, 1]) assembler.push(sn, payloadOf(sn));
    expect(out).toEqual([0xffff_fffe, 0xffff_ffff, 0, 1]);
  });

  test('what is held is bounded: then the lowest go on', () => {
    const { assembler, out } = recorded({ maxSegments: 4 });
    for (const sn of [10, 8, 6, 4, 2]) assembler.push(sn, payloadOf(sn));
    expect(out).toEqual(['0-1', 2, '3-3', 4, '5-5', 6]);
    const bytes = recorded({ maxBytes: 10 });
    for (const sn of [1, 2, 3]) bytes.assembler.push(sn, payloadOf(sn));
    expect(bytes.out).toEqual(['0-0', 1, 2, 3]);
    const repeated = recorded({ maxBytes: 10 });
    for (const sn of [1, 1, 1, 1, 0]) repeated.assembler.push(sn, payloadOf(sn));
    expect(repeated.out).toEqual([0, 1]);
  });

  test('with losses, repeats and any order: all that came comes out in order, and gaps are what did not', () => {
    const schedule = fc.record({
      first: fc.constantFrom(0, 5000, 0xffff_fff0),
      events: fc.array(fc.tuple(fc.nat(40), fc.nat(60), fc.boolean()), { maxLength: 80 }),
      maxSegments: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(schedule, ({ first, events, maxSegments }) => {
        const { assembler, out } = recorded({ maxSegments });
        const sent = new Set<number>();
        assembler.push(first, payloadOf(first));
        sent.add(first);
        for (const [offset, una, acknowledges] of events) {
          const sn = (first + offset) >>> 0;
          sent.add(sn);
          assembler.push(sn, payloadOf(sn));
          if (acknowledges) assembler.acknowledged((first + una) | 0);
        }
        assembler.finish();
        let next = first;
        for (const piece of out) {
          const [from, to] = typeof piece === 'number' ? [piece, piece] : piece.split('-').map(Number);
          expect(from).toBe(next);
          expect((to! - from!) | 0).toBeGreaterThanOrEqual(0);
          if (typeof piece === 'number') expect(sent.has(piece)).toBe(true);
          next = (to! + 1) >>> 0;
        }
        expect(new Set(out).size).toBe(out.length);
      }),
      { numRuns: 500 },
    );
  });
});

test('a stream for people hides what a terminal would obey, and keeps characters that come in pieces', () => {
  const printable = new PrintableStream();
  const euro = new TextEncoder().encode('a€\u001b[31m\t\n\u202e');
  const text = [...euro].map((byte) => printable.textOf(Uint8Array.of(byte))).join('');
  expect(text).toBe('a€\\x1b[31m\t\n\\u{202e}');
});
