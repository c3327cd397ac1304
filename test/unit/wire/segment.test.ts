import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Command, commandName } from '../../../src/wire/command.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import {
  checkSegment,
  commandOf,
  conversationOf,
  fragmentOf,
  payloadLengthOf,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from '../../../src/wire/segment.ts';

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });

describe('segment header', () => {
  it('reads back what was written, sn, una and ts as signed', () => {
    fc.assert(
      fc.property(
        fc.tuple(uint(32), uint(8), uint(8), uint(16), uint(32), uint(32), uint(32), uint(32)),
        ([conv, cmd, frg, wnd, ts, sn, una, len]) => {
          const { view } = wireMemory(new Uint8Array(30));
          writeSegmentHeader(view, 5, conv, cmd, frg, wnd, ts, sn, una, len);
          expect(conversationOf(view, 5)).toBe(conv);
          expect(commandOf(view, 5)).toBe(cmd);
          expect(fragmentOf(view, 5)).toBe(frg);
          expect(windowOf(view, 5)).toBe(wnd);
          expect(timestampOf(view, 5)).toBe(ts | 0);
          expect(sequenceOf(view, 5)).toBe(sn | 0);
          expect(unacknowledgedOf(view, 5)).toBe(una | 0);
          expect(payloadLengthOf(view, 5)).toBe(len);
        },
      ),
    );
  });

  it.each([
    ['exactly fits', 3, 0, 27, 27],
    ['is followed by more', 3, 0, 60, 27],
    ['misses one byte', 3, 0, 26, 0],
    ['misses a byte of its header', 0, 0, 23, 0],
    ['has an address block', 3, 20, 47, 47],
    ['misses a byte of payload behind the block', 3, 20, 46, 0],
    ['claims 2^31 bytes', 2 ** 31, 0, 60, 0],
    ['claims 2^32 - 1 bytes, which must not overflow', 2 ** 32 - 1, 20, 60, 0],
  ])('checkSegment: %s', (_name, len, blockBytes, length, expected) => {
    const { view } = wireMemory(new Uint8Array(100));
    writeSegmentHeader(view, 4, 1, Command.push, 0, 0, 0, 0, 0, len);
    expect(checkSegment(view, 4, 4 + length, blockBytes)).toBe(expected);
  });
});

describe('commands', () => {
  it('have a name each, and nothing else has', () => {
    const names = Object.values(Command).map(commandName);
    expect(new Set(names).size).toBe(15);
    expect(names).not.toContain(undefined);
    expect(commandName(Command.push)).toBe('PUSH');
    expect(commandName(Command.padding)).toBe('PADDING');
    for (const cmd of [0, 79, 95, 255, -1]) expect(commandName(cmd)).toBeUndefined();
  });
});
