import type { SeededRandom } from '../../src/base/seeded-random.ts';

/**
 * A damaged copy: a few bits, numbers, or pieces are not as they were. For everything that reads captures: whatever comes out of
 * this must neither throw nor take memory beyond its bounds.
 */
export function mutateCapture(random: SeededRandom, capture: Uint8Array): Uint8Array {
  // Not `slice`: that of a Buffer is no copy.
  let mutated: Uint8Array = new Uint8Array(capture);
  const count = 1 + below(random, 4);
  for (let i = 0; i < count && mutated.length > 0; i++) {
    const mutate = MUTATIONS[below(random, MUTATIONS.length)]!;
    mutated = mutate(mutated, random);
  }
  return mutated;
}

type Mutation = (bytes: Uint8Array, random: SeededRandom) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    bytes[below(random, bytes.length)]! ^= 1 << below(random, 8);
    return bytes;
  },
  (bytes, random) => {
    bytes[below(random, bytes.length)] = EXTREMES[below(random, EXTREMES.length)]! & 0xff;
    return bytes;
  },
  setNumber,
  setNumber,
  (bytes, random) => {
    const [from, to] = range(random, bytes.length);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = range(random, bytes.length);
    const at = below(random, bytes.length);
    return joined(bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at));
  },
  (bytes, random) => {
    const at = below(random, bytes.length);
    const noise = Uint8Array.from({ length: 1 + below(random, 40) }, () => below(random, 256));
    return joined(bytes.subarray(0, at), noise, bytes.subarray(at));
  },
  (bytes, random) => bytes.slice(0, below(random, bytes.length)),
];

/** A number of 2 or 4 bytes, in either order, becomes one that is on an edge. */
function setNumber(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const value = EXTREMES[below(random, EXTREMES.length)]!;
  const isLittleEndian = below(random, 2) === 0;
  if (bytes.length < 4) return bytes;
  const at = below(random, bytes.length - 3);
  if (below(random, 2) === 0) view.setUint16(at, value, isLittleEndian);
  else view.setUint32(at, value, isLittleEndian);
  return bytes;
}

function range(random: SeededRandom, length: number): [number, number] {
  const from = below(random, length);
  return [from, Math.min(length, from + 1 + below(random, 200))];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const below = (random: SeededRandom, limit: number): number => Math.floor(random.nextFloat() * limit);

const EXTREMES = [
  0, 1, 3, 4, 7, 8, 20, 23, 24, 28, 40, 0x7f, 0x80, 0xff, 0x100, 1400, 0x7fff, 0x8000, 0xfffe, 0xffff,
  0x10000, 0xfffff, 0x100000, 0x100001, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];
