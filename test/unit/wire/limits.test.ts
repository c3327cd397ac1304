import { describe, expect, it } from 'vitest';
import { checkAddressBlock, writeAddressBlock } from '../../../src/wire/address-block.ts';
import { type AnySegment, readAnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { DRAIN_MAX_BYTES, readDrain } from '../../../src/wire/drain.ts';
import { KICK_MAX_BYTES, KICK_REASON_MAX_BYTES } from '../../../src/wire/kick.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { writeSegmentHeader } from '../../../src/wire/segment.ts';

const session = { conv: 1, wnd: 2, una: 3 };

/** The segment as it comes out at the other end, and its length on the wire. */
function roundTrip(segment: AnySegment): { length: number; decoded: unknown } {
  const memory = wireMemory(new Uint8Array(5000));
  const length = writeAnySegment(memory, 0, segment);
  return { length, decoded: readAnySegment(memory, 0, length) };
}

describe('what is too long is cut when it is written', () => {
  it('a reason, between two characters', () => {
    const kick = {
      type: 'kick',
      ...session,
      code: 3500,
      retryAfterMs: 0,
      reason: `${'x'.repeat(121)}✓`,
    } as const;
    const { length, decoded } = roundTrip(kick);
    expect(length).toBe(24 + 121);
    expect(decoded).toEqual({ ...kick, reason: 'x'.repeat(121) });
  });

  it('a reason that exactly fits is not', () => {
    const reason = `${'x'.repeat(KICK_REASON_MAX_BYTES - 3)}✓`;
    const kick = { type: 'kick', ...session, code: 3500, retryAfterMs: 0, reason } as const;
    expect(roundTrip(kick)).toEqual({ length: KICK_MAX_BYTES, decoded: kick });
  });

  it('a list of lines, between two ids', () => {
    const line = 'x'.repeat(99);
    const drain = { type: 'drain', ...session, deadlineMs: 1, jitterMs: 2 } as const;
    const { length, decoded } = roundTrip({ ...drain, lines: Array<string>(11).fill(line) });
    expect(length).toBe(24 + 10 * 99 + 9);
    expect(length).toBeLessThanOrEqual(DRAIN_MAX_BYTES);
    expect(decoded).toEqual({ ...drain, lines: Array<string>(10).fill(line) });
  });
});

describe('what is too long is cut when it is read', () => {
  it('a list of lines keeps only whole ids', () => {
    const memory = wireMemory(new Uint8Array(24 + 3000));
    writeSegmentHeader(memory.view, 0, 1, 92, 0, 0, 0, 0, 0, 3000);
    memory.bytes.fill(0x61, 24);
    // Ids of 89 bytes: the limit falls into the twelfth.
    for (let at = 24 + 89; at < memory.bytes.length; at += 90) memory.bytes[at] = 0x2c;
    const decoded = readDrain(memory, 0);
    expect(decoded.lines).toEqual(Array<string>(11).fill('a'.repeat(89)));
  });
});

describe('address block', () => {
  it('is not filled for text that is no IP address, and overwrites what stood there', () => {
    const memory = wireMemory(new Uint8Array(20).fill(0xff));
    writeAddressBlock(memory, 0, { address: 'localhost', family: 4, port: 9 });
    expect(checkAddressBlock(memory.view, 0, 20)).toBe('not_filled');
  });

  it('leaves a zone id out', () => {
    const memory = wireMemory(new Uint8Array(20));
    writeAddressBlock(memory, 0, { address: 'fe80::1%eth0', family: 6, port: 9 });
    expect(checkAddressBlock(memory.view, 0, 20)).toBe('filled');
    expect(memory.bytes[19]).toBe(1);
  });
});

describe('what is read', () => {
  it('is a copy: the memory may be used again', () => {
    const memory = wireMemory(new Uint8Array(100));
    const token = new Uint8Array(16).fill(7);
    const length = writeAnySegment(memory, 0, { type: 'reset', conv: 1, token });
    const decoded = readAnySegment(memory, 0, length);
    memory.bytes.fill(0);
    expect(decoded).toEqual({ type: 'reset', conv: 1, token });
  });

  it('does not reach into the next segment', () => {
    const memory = wireMemory(new Uint8Array(200));
    const first = writeAnySegment(memory, 0, {
      type: 'kick',
      ...session,
      code: 1,
      retryAfterMs: 0,
      reason: 'a',
    });
    memory.bytes.fill(0x62, first);
    expect(readAnySegment(memory, 0, 200)).toMatchObject({ reason: 'a' });
  });
});
