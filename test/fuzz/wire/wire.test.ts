import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAddressBlock, readAddressBlock } from '../../../src/wire/address-block.ts';
import { readAnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import { fecPayloadLength } from '../../../src/wire/fec-header.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { formatHex, formatLine, formatTree } from '../../../src/wire/print.ts';
import { mutatedDatagram, randomDatagram, segment } from './generate-datagram.ts';

/** How often each property runs; set KCPGATE_FUZZ_RUNS for a longer hunt. */
const RUNS = Number(process.env.KCPGATE_FUZZ_RUNS ?? 5000);
const LIMIT_MS = 60_000 + RUNS * 5;

const datagram = fc.oneof(
  { weight: 3, arbitrary: mutatedDatagram },
  { weight: 1, arbitrary: randomDatagram },
);

/** What may stand in printed text: no control but the line breaks between the lines. */
const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

describe('fuzz: the wire', () => {
  it(
    'dissect and the printers take any bytes, and what they give is bounded and harmless',
    () => {
      fc.assert(
        fc.property(datagram, (bytes) => {
          const before = bytes.slice();
          const dissection = dissect(bytes);
          const segments = Math.floor(bytes.length / 24) + 1;
          expect(dissection.units.length).toBeLessThanOrEqual(segments);
          expect(dissection.problems.length).toBeLessThanOrEqual(4 * segments + 1);
          let end = 0;
          for (const unit of dissection.units) {
            expect(unit.offset).toBe(end);
            expect(unit.length).toBeGreaterThan(0);
            end = unit.offset + unit.length;
            for (const field of unit.fields) {
              expect(field.offset).toBeGreaterThanOrEqual(unit.offset);
              expect(field.offset + field.length).toBeLessThanOrEqual(end);
            }
          }
          expect(end).toBeLessThanOrEqual(bytes.length);
          for (const problem of dissection.problems) expect(problem.offset).toBeLessThanOrEqual(bytes.length);
          const line = formatLine(dissection);
          const tree = formatTree(dissection);
          expect(line.length).toBeLessThanOrEqual(500 + 20 * bytes.length);
          expect(tree.length).toBeLessThanOrEqual(500 + 60 * bytes.length);
          for (const text of [line, tree]) {
            for (const each of text.split('\n')) expect(each).not.toMatch(CONTROL);
          }
          formatHex(bytes);
          expect(bytes).toEqual(before);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'the decoders take any bytes at any place, and read nothing beyond the end',
    () => {
      fc.assert(
        fc.property(datagram, fc.nat(300), (bytes, at) => {
          const from = Math.min(at, bytes.length);
          const alone = wireMemory(bytes.slice());
          const followed = wireMemory(Uint8Array.from([...bytes, ...new Uint8Array(64).fill(0xa5)]));
          expect(readAnySegment(alone, from, bytes.length)).toEqual(
            readAnySegment(followed, from, bytes.length),
          );
          const state = checkAddressBlock(alone.view, from, bytes.length);
          expect(checkAddressBlock(followed.view, from, bytes.length)).toBe(state);
          if (state === 'filled') readAddressBlock(alone, from);
          expect(fecPayloadLength(alone.view, from, bytes.length)).toBeLessThanOrEqual(bytes.length);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'what is decoded can be encoded, and decodes to the same again',
    () => {
      fc.assert(
        fc.property(datagram, (bytes) => {
          const first = readAnySegment(wireMemory(bytes), 0, bytes.length);
          // A replacement character is longer than the byte it stands for: such a text may be cut on its way back.
          if (typeof first === 'string' || JSON.stringify(first).includes('\ufffd')) return;
          const memory = wireMemory(new Uint8Array(bytes.length + 2000));
          const length = writeAnySegment(memory, 0, first);
          expect(readAnySegment(memory, 0, length)).toEqual(first);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'every segment comes back as it was written, and dissects without a problem',
    () => {
      fc.assert(
        fc.property(segment, fc.nat(40), (original, at) => {
          const memory = wireMemory(new Uint8Array(1000));
          const length = writeAnySegment(memory, at, original);
          expect(readAnySegment(memory, at, at + length)).toEqual(original);
          expect(dissect(memory.bytes.slice(at, at + length)).problems).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
