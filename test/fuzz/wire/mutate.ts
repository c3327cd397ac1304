import fc from 'fast-check';

/** One change to bytes; positions are fractions of their length, so that they shrink well. */
export type Mutation = (bytes: Uint8Array) => Uint8Array;

const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const byte = fc.integer({ min: 0, max: 255 });

const place = (bytes: Uint8Array, fraction: number): number => Math.floor(bytes.length * fraction);

const setByte: fc.Arbitrary<Mutation> = fc.tuple(position, byte).map(([fraction, value]) => (bytes) => {
  bytes[place(bytes, fraction)] = value;
  return bytes;
});
/** One bit: what lies next to a valid value. */
const flipBit: fc.Arbitrary<Mutation> = fc
  .tuple(position, fc.integer({ min: 0, max: 7 }))
  .map(([fraction, bit]) => (bytes) => {
    const at = place(bytes, fraction);
    if (at < bytes.length) bytes[at]! ^= 1 << bit;
    return bytes;
  });
const cut: fc.Arbitrary<Mutation> = position.map(
  (fraction) => (bytes) => bytes.slice(0, place(bytes, fraction)),
);
const cutAtBegin: fc.Arbitrary<Mutation> = position.map(
  (fraction) => (bytes) => bytes.slice(place(bytes, fraction)),
);
const repeat: fc.Arbitrary<Mutation> = fc.tuple(position, position).map(([from, to]) => (bytes) => {
  const piece = bytes.slice(place(bytes, Math.min(from, to)), place(bytes, Math.max(from, to)));
  return Uint8Array.from([...bytes, ...piece]);
});
const insert: fc.Arbitrary<Mutation> = fc
  .tuple(position, fc.uint8Array({ maxLength: 30 }))
  .map(([fraction, extra]) => (bytes) => {
    const at = place(bytes, fraction);
    return Uint8Array.from([...bytes.subarray(0, at), ...extra, ...bytes.subarray(at)]);
  });

/** Changes that mean something for any bytes. */
export const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  setByte,
  flipBit,
  cut,
  cutAtBegin,
  repeat,
  insert,
);

/** A 16-bit field in the first 64 bytes gets an edge value. */
const setShort: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.nat(63),
    fc.constantFrom(0, 1, 12, 36, 85, 86, 1024, 1025, 4080, 4081, 0x7fff, 0xffff),
    fc.boolean(),
  )
  .map(([at, value, little]) => (bytes) => {
    if (at + 1 < bytes.length)
      bytes.set(little ? [value & 0xff, value >> 8] : [value >> 8, value & 0xff], at);
    return bytes;
  });

/** `wellFormed` after up to four changes. */
export const mutated = (
  wellFormed: fc.Arbitrary<Uint8Array>,
  mutation: fc.Arbitrary<Mutation> = fc.oneof(anyMutation, setShort),
): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(wellFormed, fc.array(mutation, { maxLength: 4 }))
    .map(([bytes, mutations]) =>
      mutations.reduce<Uint8Array>((current, mutate) => mutate(current), bytes.slice()),
    );
