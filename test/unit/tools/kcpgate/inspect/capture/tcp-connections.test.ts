import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexOf, readAll, type ReadResult } from './read-all.ts';
import {
  ACK,
  FIN,
  pcap,
  RST,
  SYN,
  tcp,
  text,
  u16,
  u32,
  u8,
  type Bytes,
  type TinySegment,
} from './tiny-capture.ts';

/** A clear segment with its payload; the command is PUSH. */
const datagram = (payloadBytes: number, conv = 0x11223344): Bytes => {
  const order = [conv & 0xff, (conv >>> 8) & 0xff, (conv >>> 16) & 0xff, conv >>> 24];
  const fields = [81, 0, 0, 4, ...u32(0, 0, 0), payloadBytes & 0xff, payloadBytes >>> 8, 0, 0];
  return [...order, ...fields, ...Array.from({ length: payloadBytes }, (_, index) => (index * 31) & 0xff)];
};
const frame = (bytes: Bytes): Bytes => [...u16(bytes.length), ...bytes];
const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex');

const message = (bytes: Bytes, masked: boolean, opcode = 2, isLast = true): Bytes => {
  const mask = [0x5a, 0x17, 0x00, 0xff];
  const length = bytes.length > 125 ? [126, ...u16(bytes.length)] : [bytes.length];
  length[0]! |= masked ? 0x80 : 0;
  const body = masked ? bytes.map((byte, index) => byte ^ mask[index & 3]!) : bytes;
  return [...u8((isLast ? 0x80 : 0) | opcode), ...length, ...(masked ? mask : []), ...body];
};

const REQUEST = text(
  'GET /kcp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: kcpgate.v1\r\n\r\n',
);
const RESPONSE = text(
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: kcpgate.v1\r\n\r\n',
);

const capture = (packets: readonly Bytes[]): Uint8Array => pcap(packets.map((bytes) => ({ bytes })));
const read = (segments: readonly TinySegment[]): ReadResult =>
  readAll(capture(segments.map((segment) => tcp(segment))));

/** Cuts a stream into segments from `sequence` on. */
function segmentsOf(stream: Bytes, sequence: number, cuts: readonly number[], isBack = false): TinySegment[] {
  const ends = [...new Set([...cuts, stream.length])].toSorted((a, b) => a - b);
  return ends.map((to, index) => {
    const from = ends[index - 1] ?? 0;
    return { sequence: sequence + from, bytes: stream.slice(from, to), isBack };
  });
}

const DATAGRAMS = [24, 0, 300, 1, 1376].map((bytes) => datagram(bytes));
const STREAM = DATAGRAMS.flatMap(frame);
const HEXES = DATAGRAMS.map(hex);

describe('frames on a connection', () => {
  it('are the same whatever segments they come in: any order, again, overlapping, over the end of numbers', () => {
    const schedule = fc
      .uniqueArray(fc.integer({ min: 1, max: STREAM.length - 1 }), { maxLength: 12 })
      .map((cuts) => segmentsOf(STREAM, 0, cuts))
      .chain((segments) =>
        fc.record({
          first: fc.constantFrom(0, 1000, 2 ** 32 - 700, 2 ** 31 - 700),
          order: fc
            .tuple(
              fc.array(fc.constantFrom(...segments), { maxLength: 4 }),
              fc.array(fc.tuple(fc.nat(STREAM.length - 2), fc.integer({ min: 1, max: 400 })), {
                maxLength: 3,
              }),
            )
            .chain(([again, others]) => {
              const overlapping = others.map(([from, length]) => ({
                sequence: from,
                bytes: STREAM.slice(from, from + length),
              }));
              const all = [...segments, ...again, ...overlapping];
              return fc.shuffledSubarray(all, { minLength: all.length });
            }),
        }),
      );
    fc.assert(
      fc.property(schedule, ({ first, order }) => {
        const result = read([
          { sequence: first - 1, flags: SYN },
          ...order.map(({ sequence, bytes }) => ({ sequence: sequence + first, bytes: bytes! })),
        ]);
        expect(hexOf(result)).toEqual(HEXES);
        expect(result.notices).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('are of whoever connected, in both directions', () => {
    const { datagrams } = read([
      { sequence: 499, flags: SYN | ACK, isBack: true },
      { sequence: 500, bytes: frame(DATAGRAMS[0]!), isBack: true },
      { sequence: 100, bytes: frame(DATAGRAMS[1]!) },
    ]);
    expect(datagrams.map(({ way, isFromA, flow, packet }) => [way, isFromA, flow, packet])).toEqual([
      ['tcp 10.0.0.2:4000 > 10.0.0.1:40000', false, 0, 2],
      ['tcp 10.0.0.1:40000 > 10.0.0.2:4000', true, 0, 3],
    ]);
  });

  it('go on behind a gap that the other side says is none', () => {
    const stream = [...STREAM, ...STREAM];
    const segments = segmentsOf(stream, 1, [400, 600, 1500, 2000, 2400, 3000]);
    const kept = segments.filter(({ sequence }) => sequence !== 601);
    const acknowledged = 1 + stream.length;
    const back: TinySegment[] = Array.from({ length: 4 }, () => ({
      sequence: 1,
      isBack: true,
      acknowledged,
    }));
    const result = read([
      { sequence: 0, flags: SYN },
      ...kept,
      ...back,
      { sequence: acknowledged, bytes: STREAM },
    ]);
    // The frame that the gap is in is told with its beginning; where it ends is known.
    const [cut] = result.datagrams.splice(4, 1);
    expect(cut).toMatchObject({ hex: HEXES[4]!.slice(0, 2 * 169), missingBytes: 1400 - 169 });
    expect(hexOf(result)).toEqual([...HEXES.slice(0, 4), ...HEXES, ...HEXES]);
    expect(result.notices).toEqual([['stream_gap', 11]]);
  });

  it('that the snapshot length cut are told with what is missing, and the next one is whole', () => {
    const [long, short] = [frame(datagram(1000)), frame(datagram(3))];
    const segment = tcp({ sequence: 1, bytes: [...long, ...short].slice(0, long.length) });
    const result = readAll(
      pcap([
        { bytes: tcp({ sequence: 0, flags: SYN }) },
        { bytes: segment.slice(0, 140), original: segment.length },
        { bytes: tcp({ sequence: 1 + long.length, bytes: short }) },
      ]),
    );
    expect(result.datagrams.map(({ hex: bytes, missingBytes }) => [bytes.length / 2, missingBytes])).toEqual([
      [98, 1024 - 98],
      [27, 0],
    ]);
  });

  it('are found in a connection whose beginning is missing', () => {
    const middle = [...STREAM.slice(100), ...STREAM];
    const result = read(segmentsOf(middle, 77, [1, 50, 1000]));
    expect(hexOf(result)).toEqual([...HEXES.slice(3), ...HEXES]);
    const aligned = read([{ sequence: 9, bytes: frame(DATAGRAMS[2]!) }]);
    expect(hexOf(aligned)).toEqual([HEXES[2]]);
  });

  it('end with a fault, and with a cut', () => {
    const fault = read([
      { sequence: 0, flags: SYN },
      { sequence: 1, bytes: [...frame(DATAGRAMS[0]!), 0, 0, 9, 9, ...frame(DATAGRAMS[1]!)] },
    ]);
    expect(hexOf(fault)).toEqual(HEXES.slice(0, 2));
    expect(fault.notices).toEqual([['frame_damaged', 2]]);
    const cut = [
      { sequence: 0, flags: SYN },
      { sequence: 1, bytes: frame(DATAGRAMS[0]!).slice(0, -1) },
    ];
    expect(read(cut).notices).toEqual([]);
    expect(read([...cut, { sequence: 50, flags: FIN | ACK }]).notices).toEqual([['frame_damaged', 3]]);
    expect(read([...cut, { sequence: 50, flags: RST }]).notices).toEqual([['frame_damaged', 3]]);
  });

  it('of a port that is used again are another flow', () => {
    const once = (first: number): TinySegment[] => [
      { sequence: first, flags: SYN },
      { sequence: first, flags: SYN },
      { sequence: first + 1, bytes: frame(DATAGRAMS[0]!) },
    ];
    const { datagrams } = read([
      ...once(10),
      ...once(5000),
      { sequence: 20, flags: SYN | ACK, isBack: true },
    ]);
    expect(datagrams.map(({ flow, hex: bytes }) => [flow, bytes])).toEqual([
      [0, HEXES[0]],
      [1, HEXES[0]],
    ]);
  });
});

describe('a PROXY header', () => {
  it.each([
    ['version 1', text('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')],
    [
      'version 2',
      [
        ...u8(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12),
        ...u32(1, 2),
        ...u16(3, 4),
      ],
    ],
  ])('of %s is told before what follows it', (_name, header) => {
    for (const [carrier, rest, found] of [
      ['tcp', frame(DATAGRAMS[0]!), DATAGRAMS[0]!],
      ['websocket', [...REQUEST, ...message(DATAGRAMS[1]!, true)], DATAGRAMS[1]!],
    ] as const) {
      const stream = [...header, ...rest];
      const result = read([
        { sequence: 0, flags: SYN },
        ...segmentsOf(stream, 1, [1, 5, 17, header.length + 3]),
      ]);
      expect(result.datagrams.map(({ isProxyHeader, hex: bytes }) => [isProxyHeader, bytes])).toEqual([
        [true, hex(header)],
        [false, hex(found)],
      ]);
      expect(result.datagrams.every(({ way }) => way.startsWith(`${carrier} 10.0.0.1`))).toBe(true);
    }
  });
});

describe('WebSocket', () => {
  const parts = (bytes: Bytes, masked: boolean): Bytes => [
    ...message(bytes.slice(0, 10), masked, 2, false),
    ...message(text('ping'), masked, 9),
    ...message(bytes.slice(10, 20), masked, 0, false),
    ...message(bytes.slice(20), masked, 0),
  ];

  it('is read in both directions: masked, in fragments, with control frames between', () => {
    const up = [
      ...REQUEST,
      ...message(DATAGRAMS[0]!, true),
      ...message([], true, 10),
      ...parts(DATAGRAMS[2]!, true),
    ];
    const down = [...RESPONSE, ...parts(DATAGRAMS[0]!, false), ...message(DATAGRAMS[4]!, false)];
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: down.length }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (at) => {
        const result = read([
          { sequence: 0, flags: SYN },
          { sequence: 0, flags: SYN | ACK, isBack: true },
          ...segmentsOf(
            up,
            1,
            at.filter((cut) => cut < up.length),
          ),
          ...segmentsOf(down, 1, at, true),
        ]);
        expect(result.datagrams.map(({ isFromA, hex: bytes }) => [isFromA, bytes])).toEqual([
          [true, HEXES[0]],
          [true, HEXES[2]],
          [false, HEXES[0]],
          [false, HEXES[4]],
        ]);
        expect(result.datagrams.every(({ way }) => way.startsWith('websocket'))).toBe(true);
        expect(result.notices).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('is found in a connection whose beginning is missing, and the masked side is the client', () => {
    const middle = (masked: boolean): Bytes => [
      ...message(DATAGRAMS[2]!, masked).slice(50),
      ...message(DATAGRAMS[0]!, masked),
      ...message(DATAGRAMS[4]!, masked),
    ];
    for (const masked of [true, false]) {
      const result = read(segmentsOf(middle(masked), 7, [10, 400]));
      expect(hexOf(result)).toEqual([HEXES[0], HEXES[4]]);
      expect(result.datagrams[0]).toMatchObject({
        isFromA: masked,
        way: 'websocket 10.0.0.1:40000 > 10.0.0.2:4000',
      });
    }
  });

  it('goes on behind a gap', () => {
    const before = [
      ...REQUEST,
      ...message(DATAGRAMS[0]!, true),
      ...message(DATAGRAMS[2]!, true).slice(0, 60),
    ];
    const result = read([
      { sequence: 0, flags: SYN },
      { sequence: 1, bytes: before },
      { sequence: 1 + before.length + 5000, bytes: message(DATAGRAMS[4]!, true) },
      { sequence: 1 + before.length + 5000, flags: RST },
    ]);
    expect(result.datagrams.map(({ hex: bytes, missingBytes }) => [bytes.length / 2, missingBytes])).toEqual([
      [48, 0],
      [52, 324 - 52],
      [1400, 0],
    ]);
    expect(result.counters.notices.stream_gap).toBe(1);
  });

  it('tells messages that cannot be', () => {
    const begin = [{ sequence: 0, flags: SYN }];
    const told = (bytes: Bytes): unknown => {
      const stream = [...REQUEST, ...bytes, ...message(DATAGRAMS[0]!, true)];
      const result = read([...begin, ...segmentsOf(stream, 1, [30_000, 60_000])]);
      return [hexOf(result), result.notices.map(([code]) => code)];
    };
    const fault = [[HEXES[0]], ['frame_damaged']];
    expect(told(message(text('hello'), true, 1))).toEqual(fault);
    expect(told(message(DATAGRAMS[0]!, true, 0))).toEqual(fault);
    expect(told([0xf2, 0x80, 1, 2, 3, 4])).toEqual(fault);
    expect(told([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4])).toEqual(fault);
    expect(
      told([...message(datagram(40_000), true, 2, false), ...message(datagram(40_000), true, 0)]),
    ).toEqual(fault);
  });
});

describe('what is none of ours', () => {
  it.each<[string, Bytes, string]>([
    ['TLS', [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...new Array<number>(60).fill(7)], 'stream_encrypted'],
    ['a login', text('POST /api/login HTTP/1.1\r\nHost: x\r\n\r\n'), 'stream_foreign'],
    ['another WebSocket', text('GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'), 'stream_foreign'],
    ['SSH', text('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'), 'stream_foreign'],
  ])('%s', (_name, bytes, code) => {
    const result = read([
      { sequence: 0, flags: SYN },
      { sequence: 1, bytes },
      { sequence: 1 + bytes.length, bytes: text('and so on, for long') },
    ]);
    expect(result.datagrams).toEqual([]);
    expect(result.notices).toEqual([[code, 2]]);
  });

  it('is given up when a connection shows none in the middle of it', () => {
    const noise = Array.from({ length: 1400 }, (_, index) => (index * 251 + (index >> 3)) & 0xff);
    const segments = Array.from({ length: 400 }, (_, index) => ({ sequence: index * 1400, bytes: noise }));
    const result = read(segments);
    expect(result.datagrams).toEqual([]);
    expect(result.counters.notices.stream_foreign).toBe(1);
  });
});

describe('memory', () => {
  it('is shared: who holds longest gives up, and goes on later', () => {
    const waiting = (client: number): Bytes[] => [
      tcp({ sequence: 0, flags: SYN }, [client, 4000]),
      tcp({ sequence: 1, bytes: frame(datagram(1376)).slice(0, 1000) }, [client, 4000]),
    ];
    const end = frame(datagram(1376)).slice(1000);
    const finish = (client: number): Bytes =>
      tcp({ sequence: 1001, bytes: [...end, ...frame(DATAGRAMS[0]!)] }, [client, 4000]);
    const clients = Array.from({ length: 40 }, (_, index) => 1000 + index);
    const result = readAll(capture([...clients.flatMap(waiting), ...clients.map(finish)]), [], 10 * 1024);
    const whole = result.datagrams.filter(({ hex: bytes }) => bytes === hex(datagram(1376)));
    expect(whole.length).toBeGreaterThan(0);
    expect(result.datagrams.filter(({ hex: bytes }) => bytes === HEXES[0])).toHaveLength(40);
    expect(result.counters.notices.stream_gap).toBe(40 - whole.length);
  });
});
