import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Deframer,
  FRAME_HEADER_BYTES,
  type FrameFault,
  MAX_FRAMED_BYTES,
  writeFrameHeader,
} from '../../../src/wire/frame.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { fromHex, loadVectors, toHex } from './vectors.ts';

interface FrameVectors {
  readonly streams: readonly {
    name: string;
    maxDatagramBytes: number;
    datagrams: string[];
    fault: FrameFault | null;
    pending: number;
    hex: string;
  }[];
}

const vectors = loadVectors('frames.json') as FrameVectors;

/** Feeds `bytes` in the given pieces, each in memory of its own that is overwritten afterwards. */
function feed(deframer: Deframer, bytes: Uint8Array, cuts: readonly number[]): string[] {
  const found: string[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const chunk = new Uint8Array(to - from + 6).fill(0xee);
    chunk.set(bytes.subarray(from, to), 3);
    deframer.begin(chunk, 3, to - from);
    while (deframer.next()) {
      found.push(toHex(deframer.bytes.subarray(deframer.at, deframer.at + deframer.length)));
    }
    chunk.fill(0xdd);
    from = to;
  }
  return found;
}

function frames(datagrams: readonly Uint8Array[]): Uint8Array {
  const parts = datagrams.map((datagram) => {
    const memory = wireMemory(new Uint8Array(FRAME_HEADER_BYTES + datagram.length));
    expect(writeFrameHeader(memory.view, 0, datagram.length)).toBe(FRAME_HEADER_BYTES);
    memory.bytes.set(datagram, FRAME_HEADER_BYTES);
    return memory.bytes;
  });
  return new Uint8Array(Buffer.concat(parts));
}

describe('frame vectors', () => {
  it.each(vectors.streams)('$name, in one piece', ({ maxDatagramBytes, datagrams, fault, pending, hex }) => {
    const deframer = new Deframer(maxDatagramBytes);
    expect(feed(deframer, fromHex(hex), [])).toEqual(datagrams);
    expect(deframer.fault ?? null).toBe(fault);
    expect(deframer.pendingBytes).toBe(pending);
  });

  it.each(vectors.streams)(
    '$name, in any two pieces',
    ({ maxDatagramBytes, datagrams, fault, pending, hex }) => {
      for (let cut = 0; cut <= hex.length / 2; cut++) {
        const deframer = new Deframer(maxDatagramBytes);
        expect(feed(deframer, fromHex(hex), [cut])).toEqual(datagrams);
        expect(deframer.fault ?? null).toBe(fault);
        expect(deframer.pendingBytes).toBe(pending);
      }
    },
  );

  it.each(vectors.streams)('$name, byte for byte', ({ maxDatagramBytes, datagrams, fault, pending, hex }) => {
    const deframer = new Deframer(maxDatagramBytes);
    const cuts = Array.from({ length: hex.length / 2 }, (_, index) => index);
    expect(feed(deframer, fromHex(hex), cuts)).toEqual(datagrams);
    expect(deframer.fault ?? null).toBe(fault);
    expect(deframer.pendingBytes).toBe(pending);
  });
});

describe('Deframer', () => {
  it('gives the same datagrams however the stream is cut', () => {
    const stream = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (datagrams, at) => {
          const bytes = frames(datagrams);
          const cuts = at.map((fraction) => Math.floor(fraction * bytes.length)).sort((a, b) => a - b);
          const deframer = new Deframer(3000);
          expect(feed(deframer, bytes, cuts)).toEqual(datagrams.map(toHex));
          expect([deframer.fault, deframer.pendingBytes]).toEqual([undefined, 0]);
        },
      ),
    );
  });

  it('reports a whole frame where it stands, without a copy', () => {
    const bytes = frames([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    const deframer = new Deframer();
    deframer.begin(bytes, 0, bytes.length);
    expect(deframer.next()).toBe(true);
    expect([deframer.bytes === bytes, deframer.at, deframer.length]).toEqual([true, 2, 3]);
    expect(deframer.next()).toBe(true);
    expect([deframer.bytes === bytes, deframer.at, deframer.length]).toEqual([true, 7, 1]);
    expect(deframer.next()).toBe(false);
  });

  it('holds no more memory than the longest frame it may hold', () => {
    const deframer = new Deframer(5000);
    const bytes = frames([new Uint8Array(5000).fill(7)]);
    expect(feed(deframer, bytes, [4000])).toHaveLength(1);
    expect(deframer.bytes.buffer.byteLength).toBe(5002);
    expect(feed(deframer, bytes, [1])).toHaveLength(1);
    expect(deframer.bytes.buffer.byteLength).toBe(5002);
  });

  it('takes the memory once for many frames that are cut', () => {
    const deframer = new Deframer();
    const bytes = frames([new Uint8Array(1400)]);
    feed(deframer, bytes, [700]);
    const { buffer } = deframer.bytes;
    for (let i = 1; i < 1400; i++) feed(deframer, bytes, [i]);
    expect(deframer.bytes.buffer).toBe(buffer);
    expect(buffer.byteLength).toBeLessThanOrEqual(2048);
  });

  it('reports a fault as soon as the length is there, and then nothing more for good', () => {
    const deframer = new Deframer(100);
    expect(feed(deframer, Uint8Array.of(0, 101), [])).toEqual([]);
    expect(deframer.fault).toBe('frame_oversize');
    expect(feed(deframer, frames([Uint8Array.of(1)]), [])).toEqual([]);
    expect([deframer.fault, deframer.pendingBytes, deframer.bytes.length]).toEqual(['frame_oversize', 0, 0]);
  });

  it('refuses a limit that no frame has', () => {
    for (const limit of [0, -1, MAX_FRAMED_BYTES + 1, Number.NaN]) {
      expect(() => new Deframer(limit)).toThrow(RangeError);
    }
  });

  it('carries the longest datagram', () => {
    const deframer = new Deframer();
    const bytes = frames([new Uint8Array(MAX_FRAMED_BYTES).fill(9)]);
    expect(feed(deframer, bytes, [1, 2, 30_000])[0]).toBe('09'.repeat(MAX_FRAMED_BYTES));
  });
});
