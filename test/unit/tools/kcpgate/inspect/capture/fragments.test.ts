import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexOf, readAll } from './read-all.ts';
import { ipv4, ipv6, pcap, u16, u32, u8, udp, type Bytes } from './tiny-capture.ts';

const PAYLOAD: Bytes = Array.from({ length: 3000 }, (_, index) => (index * 7) & 0xff);
const INNER = udp(PAYLOAD);
const HEX = Buffer.from(PAYLOAD).toString('hex');

const v4 = (from: number, to: number, id = 9): Bytes =>
  ipv4(INNER.slice(from, to), { id, offset: from, hasMore: to < INNER.length });
const v6 = (from: number, to: number, id = 9): Bytes =>
  ipv6([...u8(17, 0), ...u16(from | (to < INNER.length ? 1 : 0)), ...u32(id), ...INNER.slice(from, to)], 44);

const read = (packets: readonly Bytes[], seconds: readonly number[] = []): ReturnType<typeof readAll> =>
  readAll(pcap(packets.map((bytes, index) => ({ bytes, time: [1_700_000_000 + (seconds[index] ?? 0), 0] }))));

describe.each([
  ['IPv4', v4],
  ['IPv6', v6],
])('fragments of %s', (_name, fragment) => {
  it('come in any order, twice, and overlap', () => {
    const pieces = fc
      .uniqueArray(fc.integer({ min: 1, max: 375 }), { minLength: 1, maxLength: 8 })
      .map((cuts) => [0, ...cuts.toSorted((a, b) => a - b).map((cut) => cut * 8), INNER.length])
      .map((cuts) => cuts.slice(1).map((to, index) => [cuts[index]!, to] as const));
    const order = pieces.chain((parts) => {
      const more = fc.array(fc.constantFrom(...parts), { maxLength: 4 });
      const wider = fc.constantFrom(...parts).map(([from, to]) => [Math.max(0, from - 16), to] as const);
      return fc.tuple(more, wider).chain(([again, overlapping]) =>
        fc.shuffledSubarray([...parts, ...again, overlapping], {
          minLength: parts.length + again.length + 1,
        }),
      );
    });
    fc.assert(
      fc.property(order, (parts) => {
        const { datagrams } = read(parts.map(([from, to]) => fragment(from, to)));
        expect(datagrams[0]?.hex === HEX && datagrams.every(({ hex }) => hex === HEX)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('of several packets are kept apart', () => {
    const result = read([
      fragment(0, 800, 1),
      fragment(800, 3008, 2),
      fragment(800, 3008, 1),
      fragment(0, 800, 2),
    ]);
    expect(hexOf(result)).toEqual([HEX, HEX]);
    expect(result.datagrams.map(({ packet }) => packet)).toEqual([3, 4]);
    expect(result.notices).toEqual([]);
  });

  it('that never came are told, with the packet that brought the last one', () => {
    const result = read([fragment(0, 800, 1), fragment(0, 800, 2), fragment(800, 3008, 2)]);
    expect(hexOf(result)).toEqual([HEX]);
    expect(result.notices).toEqual([['fragment_missing', 1]]);
  });

  it('are not waited for longer than 30 s', () => {
    const result = read([fragment(0, 800), fragment(800, 3008)], [0, 31]);
    expect(hexOf(result)).toEqual([]);
    expect(result.notices).toEqual([
      ['fragment_missing', 1],
      ['fragment_missing', 2],
    ]);
  });

  it('are bounded in number', () => {
    const beginnings = Array.from({ length: 1000 }, (_, id) => fragment(0, 800, id));
    const result = read([...beginnings, fragment(800, 3008, 999), fragment(800, 3008, 0)]);
    expect(hexOf(result)).toEqual([HEX]);
    expect(result.counters.notices.fragment_missing).toBe(1000);
  });
});

describe('fragments', () => {
  it('that contradict each other are dropped', () => {
    const tooFar = ipv4(INNER.slice(0, 800), { id: 9, offset: 65_528 });
    const odd = ipv4(INNER.slice(0, 801), { id: 9, hasMore: true });
    expect(read([tooFar, odd]).counters.notices.header_damaged).toBe(2);
    expect(read([v4(800, 3008), ipv4(INNER.slice(0, 8), { id: 9, offset: 400 })]).datagrams).toEqual([]);
  });

  it('that were not kept whole make a datagram with its beginning', () => {
    const packets = [{ bytes: v4(0, 800).slice(0, 420), original: 820 }, { bytes: v4(800, 3008) }];
    const [datagram] = readAll(pcap(packets)).datagrams;
    expect(datagram).toMatchObject({ hex: HEX.slice(0, 2 * 392), missingBytes: 3000 - 392 });
  });

  it('share a bounded memory', () => {
    const beginnings = Array.from({ length: 50 }, (_, id) => ({ bytes: v4(800, 3008, id) }));
    const result = readAll(
      pcap([...beginnings, { bytes: v4(0, 800, 49) }, { bytes: v4(0, 800, 0) }]),
      [],
      20_000,
    );
    expect(hexOf(result)).toEqual([HEX]);
    expect(result.counters.notices.fragment_missing).toBe(50);
  });
});
