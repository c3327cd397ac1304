import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAddressBlock, readAddressBlock } from '../../../src/wire/address-block.ts';
import { readAnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import { fecPayloadLength } from '../../../src/wire/fec-header.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { checkDissection } from './check-dissection.ts';
import { mutatedDatagram, randomDatagram, segment } from './generate-datagram.ts';
import { LIMIT_MS, RUNS } from './runs.ts';

const datagram = fc.oneof(
  { weight: 3, arbitrary: mutatedDatagram },
  { weight: 1, arbitrary: randomDatagram },
);

describe('fuzz: the wire', () => {
  it(
    'dissect and the printers take any bytes, and what they give is bounded and harmless',
    () => {
      fc.assert(
        fc.property(datagram, (bytes) => {
          checkDissection(bytes);
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
