import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readAll } from './read-all.ts';
import { ipv4, pcap, u32, udp, type Bytes } from './tiny-capture.ts';

const noise = (length: number, seed: number): Bytes =>
  Array.from(
    { length },
    (_, index) => (Math.imul(index + 1, 2_654_435_761) ^ Math.imul(seed, 40_503)) & 0xff,
  );

const sealed = (bytes: number, pn: number): Bytes => [
  ...[4, 3, 2, 1, 0xa0, 0],
  ...[pn & 0xff, pn >>> 8, 0, 0, 0, 0],
  ...noise(bytes - 12, pn),
];

const segment = (payloadBytes: number, sn: number): Bytes => [
  ...[4, 3, 2, 1, 81, 0, 0, 4],
  ...u32(7, sn, 0),
  ...[payloadBytes & 0xff, payloadBytes >>> 8, 0, 0],
  ...noise(payloadBytes, sn),
];

const found = (bytes: Bytes, kept = bytes.length): unknown[] => {
  const packet = ipv4(udp(bytes));
  const { datagrams } = readAll(pcap([{ bytes: packet.slice(0, kept + 28), original: packet.length }]));
  return datagrams.map(({ hex, missingBytes, packet: number }) => [number, hex, missingBytes]);
};
const told = (pieces: readonly Bytes[]): unknown[] =>
  pieces.map((piece) => [1, Buffer.from(piece).toString('hex'), 0]);

it('sealed datagrams that were captured as one are taken apart', () => {
  const shape = fc.record({
    size: fc.integer({ min: 29, max: 1500 }),
    lastSize: fc.integer({ min: 29, max: 1500 }),
    steps: fc.array(fc.constantFrom(1, 1, 1, 2, 30), { minLength: 2, maxLength: 20 }),
  });
  fc.assert(
    fc.property(shape, ({ size, lastSize, steps }) => {
      let pn = 5;
      const pieces = steps.map((step, index) => {
        const isLast = index === steps.length - 1;
        return sealed(isLast ? Math.min(size, lastSize) : size, (pn += step));
      });
      expect(found(pieces.flat())).toEqual(told(pieces));
    }),
    { numRuns: 100 },
  );
});

it('clear ones are, too, where segments begin at equal distances', () => {
  const full = (sn: number): Bytes => [...segment(300, sn), ...segment(1400 - 2 * 24 - 300, sn + 1)];
  const pieces = [full(0), full(2), full(4), segment(10, 6)];
  expect(found(pieces.flat())).toEqual(told(pieces));
});

it('what is one datagram stays one', () => {
  const acknowledgements = Array.from({ length: 50 }, (_, index) => segment(0, index)).flat();
  expect(found(acknowledgements)).toEqual(told([acknowledgements]));
  const large = sealed(9000, 1);
  expect(found(large)).toEqual(told([large]));
  const message = segment(5000, 1);
  expect(found(message)).toEqual(told([message]));
  const foreign = noise(9000, 3);
  expect(found(foreign)).toEqual(told([foreign]));
});

it('of what the snapshot length cut only the beginning is there', () => {
  const pieces = [sealed(1400, 1), sealed(1400, 2), sealed(1400, 3)];
  expect(found(pieces.flat(), 1400 + 1000)).toEqual([
    ...told(pieces.slice(0, 1)),
    [1, Buffer.from(pieces[1]!).toString('hex').slice(0, 2000), 400],
  ]);
});
