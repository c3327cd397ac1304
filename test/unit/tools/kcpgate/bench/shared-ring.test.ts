import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createRingMemory,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_SEGMENT_SIZE,
  ENTRY_SLOT,
  RingReader,
  RingWriter,
} from '../../../../../tools/kcpgate/bench/pool/shared-ring.ts';

const RING_BYTES = 100;
const RING_ENTRIES = 4;

/** A length to write (less than half of the ring always fits an empty one), or how many entries to read. */
const step = fc.oneof(
  fc.record({ write: fc.integer({ min: 1, max: 49 }) }),
  fc.record({ read: fc.integer({ min: 1, max: 4 }) }),
);

test('whatever is written and read in turns comes out whole and in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const memory = createRingMemory(RING_BYTES, RING_ENTRIES);
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
      const waiting: { length: number; mark: number }[] = [];
      let mark = 0;
      for (const { write, read } of steps as { write?: number; read?: number }[]) {
        if (write !== undefined) {
          const at = writer.reserve(write);
          if (at < 0) {
            expect(waiting.length).toBeGreaterThan(0);
            continue;
          }
          mark = (mark + 1) & 255;
          writer.bytes.fill(mark, at, at + write);
          writer.commit(write, 0, mark);
          writer.publish();
          waiting.push({ length: write, mark });
        }
        const count = Math.min(read ?? 0, waiting.length);
        for (const [ahead, expected] of waiting.slice(0, count).entries()) {
          const entry = reader.entryAt(ahead);
          const [offset, length] = [entry + ENTRY_OFFSET, entry + ENTRY_LENGTH].map(
            (i) => reader.entries[i]!,
          );
          expect([length, reader.entries[entry + ENTRY_SLOT]]).toEqual([expected.length, expected.mark]);
          const bytes = reader.bytes.subarray(offset, offset! + length!);
          expect(bytes.every((byte) => byte === expected.mark)).toBe(true);
        }
        expect(reader.available()).toBe(waiting.length);
        if (count > 0) reader.consume(count);
        waiting.splice(0, count);
      }
    }),
    { numRuns: 500 },
  );
});

test('nothing is seen before it is published, and only a sleeping reader is to be woken', () => {
  const memory = createRingMemory(RING_BYTES, RING_ENTRIES);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  const write = (): void => {
    expect(writer.reserve(10)).toBeGreaterThanOrEqual(0);
    writer.commit(10, 5, 3);
  };
  write();
  expect(reader.available()).toBe(0);
  expect(writer.publish()).toBe(false);
  expect(reader.available()).toBe(1);
  expect(reader.entries[reader.entryAt(0) + ENTRY_SEGMENT_SIZE]).toBe(5);
  // Something is there already: no sleep.
  expect(reader.sleep()).toBe(false);
  reader.consume(1);
  expect(reader.sleep()).toBe(true);
  write();
  expect(writer.publish()).toBe(true);
  write();
  expect(writer.publish()).toBe(false);
});
