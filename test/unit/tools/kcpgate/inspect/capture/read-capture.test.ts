import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexOf, readAll } from './read-all.ts';
import {
  DATA,
  ethernet,
  ipv4,
  ipv6,
  Order,
  pcap,
  text,
  tcp,
  u16,
  u32,
  u8,
  udp,
  zeros,
} from './tiny-capture.ts';

const HEX = Buffer.from(DATA).toString('hex');
const PACKET = ipv4(udp(DATA));

describe('pcap', () => {
  it.each([
    ['little-endian, microseconds', true, 0xa1b2c3d4, 123456.0],
    ['big-endian, microseconds', false, 0xa1b2c3d4, 123456.0],
    ['little-endian, nanoseconds', true, 0xa1b23c4d, 123.5],
    ['big-endian, nanoseconds', false, 0xa1b23c4d, 123.5],
  ])('is read: %s', (_name, isLittle, magic, restUs) => {
    const time = [1_700_000_000, magic === 0xa1b23c4d ? 123_500 : 123_456] as const;
    const capture = pcap(
      [
        { bytes: PACKET, time },
        { bytes: PACKET, time },
      ],
      { isLittle, magic, snapshotBytes: 7 },
    );
    const { datagrams, notices, counters } = readAll(capture);
    expect(datagrams.map(({ hex, packet, timeUs, way }) => ({ hex, packet, timeUs, way }))).toEqual(
      [1, 2].map((packet) => ({
        hex: HEX,
        packet,
        timeUs: 1_700_000_000_000_000 + restUs,
        way: 'udp 10.0.0.1:4000 > 10.0.0.2:5000',
      })),
    );
    expect(notices).toEqual([]);
    expect(counters).toMatchObject({ bytes: capture.length, packets: 2, datagrams: 2 });
  });

  it('tells what the snapshot length cut off', () => {
    const { datagrams } = readAll(pcap([{ bytes: PACKET.slice(0, 38), original: PACKET.length }]));
    expect(datagrams[0]).toMatchObject({ hex: HEX.slice(0, 20), missingBytes: DATA.length - 10 });
  });

  it('goes on behind a packet that cannot be', () => {
    const good = { bytes: PACKET, time: [1_700_000_000, 5] as const };
    const capture = pcap([good, good, good]);
    const second = 24 + 16 + PACKET.length;
    capture.fill(0xff, second + 8, second + 12);
    const { datagrams, notices } = readAll(capture);
    expect(datagrams.map(({ packet, hex }) => [packet, hex])).toEqual([
      [1, HEX],
      [2, HEX],
    ]);
    expect(notices).toEqual([['capture_damaged', 1]]);
  });

  it('goes on behind a long damage that begins where a chunk ends', () => {
    const good = { bytes: PACKET, time: [1_700_000_000, 5] as const };
    const [one, two] = [pcap([good]), pcap([good]).subarray(24)];
    const damage = new Uint8Array(200_000).fill(0xff);
    const capture = Buffer.concat([one, damage, two]);
    for (const cut of [one.length, one.length + 1, one.length + 15, one.length + 16, one.length + 17]) {
      const { datagrams, notices } = readAll(capture, [cut]);
      expect(datagrams.map(({ hex }) => hex)).toEqual([HEX, HEX]);
      expect(notices).toEqual([['capture_damaged', 1]]);
    }
  });

  it('tells an end inside a packet, an empty file and one of another kind', () => {
    expect(readAll(pcap([{ bytes: PACKET }]).subarray(0, -1)).notices).toEqual([['capture_cut_off', 0]]);
    expect(readAll(new Uint8Array(0)).notices).toEqual([['capture_cut_off', 0]]);
    expect(readAll(Buffer.from('not a capture')).notices).toEqual([['capture_damaged', 0]]);
    expect(readAll(Uint8Array.of(0xd4, 0xc3)).notices).toEqual([['capture_cut_off', 0]]);
  });
});

describe('pcapng', () => {
  const little = new Order(true);
  const big = new Order(false);
  const resolution = (value: number): readonly number[] => little.option(9, [value]);

  it('is read: sections of either order, interfaces with their own link types and clocks', () => {
    const offset = big.option(14, [...u32(0, 1_000_000)]);
    const capture = Uint8Array.from([
      ...little.section(),
      ...little.interface(101),
      ...little.interface(1, 0, [
        ...little.option(2, text('eth0')),
        ...resolution(9),
        ...little.option(0, []),
      ]),
      ...little.interface(0, 0, resolution(0x80 | 10)),
      ...little.packet(1, 1_700_000_000_123_456_500n, ethernet(PACKET)),
      ...little.packet(0, 1_700_000_000_000_001n, PACKET),
      ...little.packet(2, 512n, [...u8(2, 0, 0, 0), ...PACKET]),
      ...big.section(),
      ...big.interface(228, 0, offset),
      ...big.packet(0, 3n, PACKET),
    ]);
    const { datagrams, notices } = readAll(capture);
    expect(datagrams.map(({ timeUs }) => timeUs)).toEqual([
      1_700_000_000_123_456.5, 1_700_000_000_000_001, 500_000, 1_000_000_000_003,
    ]);
    expect(new Set(hexOf({ datagrams, notices, counters: readAll(capture).counters }))).toEqual(
      new Set([HEX]),
    );
    expect(notices).toEqual([]);
  });

  it('is read: comments, simple and old packets, blocks of unknown types of any length', () => {
    const comment = [
      ...little.option(2, [1]),
      ...little.option(1, text('lost “here”')),
      ...little.option(0, []),
    ];
    const old = [...little.u16(0, 3), ...little.u32(0, 9, PACKET.length, PACKET.length), ...PACKET];
    const capture = Uint8Array.from([
      ...little.section(),
      ...little.interface(101, 40),
      ...little.block(0xbad, zeros(100)),
      ...little.packet(0, 7n, PACKET, PACKET.length, comment),
      ...little.block(0x40000bad, zeros(3_000_000)),
      ...little.block(3, [...little.u32(PACKET.length), ...PACKET.slice(0, 40)]),
      ...little.block(2, old),
    ]);
    const { datagrams, notices } = readAll(capture);
    expect(
      datagrams.map(({ comment, timeUs, missingBytes, packet }) => [packet, timeUs, missingBytes, comment]),
    ).toEqual([
      [1, 7, 0, 'lost “here”'],
      [2, 0, PACKET.length - 40, ''],
      [3, 9, 0, ''],
    ]);
    expect(notices).toEqual([]);
  });

  it('tells what was not captured: the last statistics of each interface and section', () => {
    const statistics = (id: number, ...options: readonly (readonly number[])[]): readonly number[] =>
      little.block(5, [...little.u32(id, 0, 9), ...options.flat()]);
    const count = (code: number, value: number): readonly number[] =>
      little.option(code, little.u32(value, 0));
    const section = [...little.section(), ...little.interface(101), ...little.interface(101)];
    const { counters, notices } = readAll(
      Uint8Array.from([
        ...section,
        ...statistics(0, count(4, 1000), count(5, 7), count(7, 100)),
        ...little.packet(0, 7n, PACKET),
        ...statistics(1, count(5, 4)),
        ...statistics(0, count(4, 2000), count(5, 9), count(7, 100)),
        // Not known, and too short to be a count.
        ...statistics(
          1,
          little.option(
            5,
            zeros(8).map(() => 0xff),
          ),
          little.option(7, [1]),
        ),
        ...section,
        ...statistics(1, count(7, 1000)),
      ]),
    );
    expect(counters).toMatchObject({ packets: 1, lostPackets: 1109 });
    expect(notices).toEqual([]);
    const damaged = readAll(Uint8Array.from([...section, ...statistics(2), ...little.block(5, [1])]));
    expect(damaged.counters).toMatchObject({ lostPackets: 0, notices: { capture_damaged: 2 } });
  });

  it('goes on behind blocks that cannot be', () => {
    const packet = little.packet(0, 7n, PACKET);
    const broken = [...packet.slice(0, 4), ...u32(0xffffffff), ...packet.slice(8)];
    const begin = [...little.section(), ...little.interface(101)];
    const behind = readAll(
      Uint8Array.from([...begin, ...broken, ...packet, ...big.section(), ...big.interface(101)]),
    );
    expect(hexOf(behind)).toEqual([HEX]);
    expect(behind.notices).toEqual([['capture_damaged', 0]]);
    const orphan = readAll(Uint8Array.from([...begin, ...little.packet(5, 7n, PACKET), ...packet]));
    expect(hexOf(orphan)).toEqual([HEX]);
    expect(orphan.notices).toEqual([['capture_damaged', 0]]);
  });
});

describe('link types', () => {
  const version6 = ipv6(udp(DATA));
  it.each<[string, number, readonly number[]]>([
    ['Ethernet', 1, ethernet(PACKET)],
    ['Ethernet, padded', 1, [...ethernet(PACKET), ...zeros(8)]],
    ['802.1Q', 1, ethernet(PACKET, 0x0800, u16(0x8100, 5))],
    ['QinQ', 1, ethernet(version6, 0x86dd, u16(0x88a8, 5, 0x8100, 7))],
    ['Linux cooked', 113, [...zeros(14), ...u16(0x0800), ...PACKET]],
    ['Linux cooked 2', 276, [...u16(0x86dd), ...zeros(18), ...version6]],
    ['Linux cooked 2, tagged', 276, [...u16(0x8100), ...zeros(18), ...u16(5, 0x0800), ...PACKET]],
    ['raw', 101, version6],
    ['IPv4', 228, PACKET],
    ['IPv6', 229, version6],
    ['BSD null, little-endian', 0, [...u8(30, 0, 0, 0), ...version6]],
    ['BSD null, big-endian', 0, [...u32(2), ...PACKET]],
    ['BSD loop', 108, [...u32(24), ...version6]],
  ])('%s', (_name, linkType, bytes) => {
    const { datagrams, notices } = readAll(pcap([{ bytes }], { linkType }));
    expect(datagrams.map(({ hex, missingBytes }) => [hex, missingBytes])).toEqual([[HEX, 0]]);
    expect(notices).toEqual([]);
  });

  it('tells what is none of ours', () => {
    const told = (bytes: readonly number[], linkType = 1): unknown =>
      readAll(pcap([{ bytes }], { linkType })).notices;
    expect(told(PACKET, 147)).toEqual([['link_type_unknown', 1]]);
    expect(told(ethernet(zeros(28), 0x0806))).toEqual([['not_ip', 1]]);
    expect(told(ethernet(ipv4(zeros(8), { protocol: 1 })))).toEqual([['not_udp_or_tcp', 1]]);
    expect(told(zeros(13))).toEqual([['header_damaged', 1]]);
    expect(told(ethernet(PACKET.slice(0, -1)))).toEqual([['header_damaged', 1]]);
    expect(told(ethernet(ipv4([...u16(1, 2, 7, 0)])))).toEqual([['header_damaged', 1]]);
  });
});

describe('IP and UDP', () => {
  it('steps over options and extension headers', () => {
    const extended = ipv6(
      [
        ...u8(60, 0),
        ...zeros(6),
        ...u8(44, 1),
        ...zeros(14),
        ...u8(51, 0),
        ...zeros(6),
        ...u8(17, 1),
        ...zeros(10),
        ...udp(DATA),
      ],
      0,
    );
    const packets = [ipv4(udp(DATA), { options: zeros(8) }), extended].map((bytes) => ({ bytes }));
    const { datagrams, notices } = readAll(pcap(packets));
    expect(notices).toEqual([]);
    expect(datagrams.map(({ way }) => way)).toEqual([
      'udp 10.0.0.1:4000 > 10.0.0.2:5000',
      'udp 2001:db8::1:4000 > 2001:db8::2:5000',
    ]);
  });

  it('gives each pair of ends one flow, whoever sends', () => {
    const ends = { from: [10, 0, 0, 2], to: [10, 0, 0, 1] };
    const packets = [
      PACKET,
      ipv4(udp(DATA, 5000, 4000), ends),
      ipv4(udp(DATA, 4000, 5000), ends),
      ipv4(udp(DATA, 5000, 4000)),
      ipv4(udp(DATA, 1, 1), { from: [10, 0, 0, 9], to: [10, 0, 0, 9] }),
    ];
    const { datagrams } = readAll(pcap(packets.map((bytes) => ({ bytes }))));
    expect(datagrams.map(({ flow, isFromA }) => [flow, isFromA])).toEqual([
      [0, true],
      [0, false],
      [1, true],
      [1, false],
      [2, true],
    ]);
  });

  it('keeps flows apart and together when there are very many', () => {
    const packets = Array.from({ length: 3000 }, (_, index) => {
      const client = [10, 1, index >>> 8, index & 255];
      const out = ipv4(udp([], 4000, 5000), { from: client });
      const back = ipv4(udp([], 5000, 4000), { from: [10, 0, 0, 2], to: client });
      return [{ bytes: out }, { bytes: back }];
    });
    const { datagrams } = readAll(pcap([...packets, ...packets].flat()));
    expect(
      datagrams.every(({ flow, isFromA }, index) => {
        return flow === Math.floor((index % 6000) / 2) && isFromA === (index % 2 === 0);
      }),
    ).toBe(true);
  });
});

describe('chunks', () => {
  const little = new Order(true);
  const captures = [
    pcap([{ bytes: PACKET }, { bytes: PACKET.slice(0, 30), original: 60 }, { bytes: ipv6(udp(DATA)) }]),
    Uint8Array.from([
      ...little.section(),
      ...little.interface(101),
      ...little.packet(0, 1n, PACKET, PACKET.length, little.option(1, text('x'))),
      ...little.block(0xbad, zeros(40)),
      ...little.block(6, zeros(4)),
      ...u32(1, 2, 3),
      ...little.packet(0, 2n, tcp({ sequence: 1, bytes: [0, DATA.length, ...DATA] })),
      ...little.packet(0, 2n, PACKET),
    ]),
  ];

  it('may be cut anywhere', () => {
    for (const capture of captures) {
      const whole = readAll(capture);
      expect(whole.datagrams.length).toBeGreaterThan(1);
      const cut = fc.array(fc.integer({ min: 0, max: capture.length }), { maxLength: 20 });
      fc.assert(
        fc.property(cut, (cuts) => {
          expect(
            readAll(
              capture,
              cuts.toSorted((a, b) => a - b),
            ),
          ).toEqual(whole);
        }),
        { numRuns: 300 },
      );
      const everywhere = Array.from({ length: capture.length }, (_, at) => at);
      expect(readAll(capture, everywhere)).toEqual(whole);
    }
  });
});
