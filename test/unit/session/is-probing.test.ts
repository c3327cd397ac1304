import { expect, it } from 'vitest';
import { isProbing } from '../../../src/session/is-probing.ts';
import type { AnySegment } from '../../../src/wire/any-segment.ts';
import { writeAnySegment } from '../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../src/wire/memory.ts';

const conv = 7;
const fields = { conv, wnd: 0, una: 0 };
const challenge: AnySegment = { type: 'pathChallenge', ...fields, ts: 0, data: new Uint8Array(8) };
const response: AnySegment = { type: 'pathResponse', ...fields, ts: 0, data: new Uint8Array(8) };
const padding: AnySegment = { type: 'padding', conv, paddingBytes: 30 };
const ask: AnySegment = { type: 'windowAsk', ...fields, ts: 0, sn: 0 };
const push: AnySegment = { type: 'push', ...fields, frg: 0, ts: 0, sn: 0, payload: new Uint8Array(3) };
const announced: AnySegment = { ...push, type: 'new', address: null };
const fin: AnySegment = { type: 'fin', ...fields, acknowledges: false, finalSn: 0, code: 0 };

function probing(...segments: readonly (AnySegment | Uint8Array)[]): boolean {
  const memory = wireMemory(new Uint8Array(2048));
  // Somewhere in a larger memory, with other things around.
  memory.bytes.fill(81);
  let end = 100;
  for (const segment of segments) {
    if (segment instanceof Uint8Array) {
      memory.bytes.set(segment, end);
      end += segment.length;
    } else {
      end += writeAnySegment(memory, end, segment);
    }
  }
  return isProbing(memory.view, 100, end - 100);
}

it('a datagram only tries a path when it holds nothing but challenges, answers and padding', () => {
  expect(probing(challenge)).toBe(true);
  expect(probing(response, padding, challenge)).toBe(true);
  expect(probing(padding)).toBe(true);
  for (const segment of [ask, push, announced, fin]) {
    expect(probing(segment)).toBe(false);
    expect(probing(challenge, segment)).toBe(false);
    expect(probing(padding, response, segment)).toBe(false);
  }
});

it('an empty one, a short tail and a segment that is cut off say nothing else', () => {
  expect(probing()).toBe(true);
  expect(probing(challenge, new Uint8Array(23).fill(81))).toBe(true);
  const cut = new Uint8Array(24);
  cut[4] = 90;
  cut[20] = 100;
  expect(probing(cut)).toBe(true);
});
