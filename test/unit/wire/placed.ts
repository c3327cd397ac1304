import { expect } from 'vitest';
import { wireMemory, type WireMemory } from '../../../src/wire/memory.ts';
import { fromHex, toHex } from './vectors.ts';

/** Where a test puts the bytes: not at 0, so that a forgotten offset shows. */
export const AT = 7;

/** `hex` at {@link AT}, with bytes around it that must neither be read nor written. */
export function placed(hex: string): { memory: WireMemory; end: number; length: number } {
  const bytes = fromHex(hex);
  const all = new Uint8Array(AT + bytes.length + AT).fill(0xee);
  all.set(bytes, AT);
  return { memory: wireMemory(all), end: AT + bytes.length, length: bytes.length };
}

/** What `write` wrote, after a check that it wrote nothing else. */
export function written(write: (memory: WireMemory, at: number) => number, room = 2000): string {
  const memory = wireMemory(new Uint8Array(room).fill(0xee));
  const length = write(memory, AT);
  expect(memory.bytes.subarray(0, AT).every((byte) => byte === 0xee)).toBe(true);
  expect(memory.bytes.subarray(AT + length).every((byte) => byte === 0xee)).toBe(true);
  return toHex(memory.bytes.subarray(AT, AT + length));
}
