/*
 * Captures and packets written out by hand, without anything of the reader: what its tests read.
 */

/** Numbers of one width, in one byte order, back to back. */
export type Bytes = readonly number[];

export const u8 = (...values: readonly number[]): Bytes => values.map((value) => value & 0xff);
export const u16 = (...values: readonly number[]): Bytes =>
  values.flatMap((v) => [(v >>> 8) & 0xff, v & 0xff]);
export const u32 = (...values: readonly number[]): Bytes =>
  values.flatMap((v) => [Math.floor(v / 2 ** 24) & 0xff, (v >>> 16) & 0xff, (v >>> 8) & 0xff, v & 0xff]);
export const zeros = (count: number): Bytes => new Array<number>(count).fill(0);
export const text = (value: string): Bytes => [...Buffer.from(value)];

/** Writes a file in one byte order. */
export class Order {
  readonly isLittle: boolean;

  constructor(isLittle: boolean) {
    this.isLittle = isLittle;
  }

  u16(...values: readonly number[]): Bytes {
    return values.flatMap((value) => this.#turn(u16(value)));
  }

  u32(...values: readonly number[]): Bytes {
    return values.flatMap((value) => this.#turn(u32(value)));
  }

  /** A block of pcapng. */
  block(type: number, body: Bytes): Bytes {
    const padded = [...body, ...zeros((4 - (body.length % 4)) % 4)];
    const length = padded.length + 12;
    return [...this.u32(type, length), ...padded, ...this.u32(length)];
  }

  option(code: number, value: Bytes): Bytes {
    return [...this.u16(code, value.length), ...value, ...zeros((4 - (value.length % 4)) % 4)];
  }

  section(): Bytes {
    return this.block(0x0a0d0d0a, [
      ...this.u32(0x1a2b3c4d),
      ...this.u16(1, 0),
      ...this.u32(0xffffffff, 0xffffffff),
    ]);
  }

  /** An interface. */
  interface(linkType: number, snapshotBytes = 0, options: Bytes = []): Bytes {
    return this.block(1, [...this.u16(linkType, 0), ...this.u32(snapshotBytes), ...options]);
  }

  /** An enhanced packet; `time` in units of the interface. */
  packet(id: number, time: bigint, kept: Bytes, original = kept.length, options: Bytes = []): Bytes {
    const words = [Number(time >> 32n), Number(time & 0xffffffffn)];
    const data = [...kept, ...zeros((4 - (kept.length % 4)) % 4)];
    return this.block(6, [...this.u32(id, ...words, kept.length, original), ...data, ...options]);
  }

  #turn(bytes: Bytes): Bytes {
    return this.isLittle ? bytes.toReversed() : bytes;
  }
}

export interface TinyPacket {
  readonly bytes: Bytes;
  readonly original?: number;
  /** Seconds and the rest in units of the file. */
  readonly time?: readonly [number, number];
}

/** A pcap file. */
export function pcap(
  packets: readonly TinyPacket[],
  { isLittle = true, magic = 0xa1b2c3d4, linkType = 101, snapshotBytes = 262144 } = {},
): Uint8Array {
  const order = new Order(isLittle);
  const header = [...order.u32(magic), ...order.u16(2, 4), ...order.u32(0, 0, snapshotBytes, linkType)];
  return Uint8Array.from([
    ...header,
    ...packets.flatMap(({ bytes, original = bytes.length, time = [1_700_000_000, 0] }) => [
      ...order.u32(...time, bytes.length, original),
      ...bytes,
    ]),
  ]);
}

export const DATA = [...Buffer.from('04030201510000040000000007000000050000000300000061626301', 'hex')];

/** A UDP datagram with its header; the checksum is left out. */
export const udp = (payload: Bytes, from = 4000, to = 5000): Bytes => [
  ...u16(from, to, payload.length + 8, 0),
  ...payload,
];

export interface Ipv4Fields {
  readonly from?: Bytes;
  readonly to?: Bytes;
  readonly protocol?: number;
  readonly options?: Bytes;
  readonly id?: number;
  /** Of a fragment, in bytes. */
  readonly offset?: number;
  readonly hasMore?: boolean;
}

export function ipv4(inner: Bytes, fields: Ipv4Fields = {}): Bytes {
  const {
    from = [10, 0, 0, 1],
    to = [10, 0, 0, 2],
    protocol = 17,
    options = [],
    id = 0,
    offset = 0,
    hasMore,
  } = fields;
  const headerBytes = 20 + options.length;
  return [
    ...u8(0x40 | (headerBytes / 4), 0),
    ...u16(headerBytes + inner.length, id, (hasMore === true ? 0x2000 : 0) | (offset / 8)),
    ...u8(64, protocol),
    ...u16(0),
    ...from,
    ...to,
    ...options,
    ...inner,
  ];
}

const ONE: Bytes = [...u16(0x2001, 0xdb8), ...zeros(11), 1];
const TWO: Bytes = [...u16(0x2001, 0xdb8), ...zeros(11), 2];

/** @param first number of what `inner` begins with. */
export const ipv6 = (inner: Bytes, first = 17, from = ONE, to = TWO): Bytes => [
  ...u32(0x60000000),
  ...u16(inner.length),
  ...u8(first, 64),
  ...from,
  ...to,
  ...inner,
];

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

export interface TinySegment {
  readonly sequence: number;
  readonly bytes?: Bytes;
  readonly flags?: number;
  readonly acknowledged?: number;
  /** From the server. */
  readonly isBack?: boolean;
}

/** An IPv4 packet with a TCP segment between 10.0.0.1:40000, the client, and 10.0.0.2:4000. */
export function tcp(segment: TinySegment, ports: readonly [number, number] = [40000, 4000]): Bytes {
  const { sequence, bytes = [], flags = ACK, acknowledged = 0, isBack = false } = segment;
  const [client, server] = ports;
  const inner = [
    ...(isBack ? u16(server, client) : u16(client, server)),
    ...u32(sequence >>> 0, acknowledged >>> 0),
    ...u8(0x50, flags),
    ...u16(0xffff, 0, 0),
    ...bytes,
  ];
  const ends: readonly [Bytes, Bytes] = [
    [10, 0, 0, 1],
    [10, 0, 0, 2],
  ];
  return ipv4(inner, { protocol: 6, from: ends[isBack ? 1 : 0], to: ends[isBack ? 0 : 1] });
}

export const ethernet = (inner: Bytes, type = 0x0800, tags: Bytes = []): Bytes => [
  ...zeros(12),
  ...tags,
  ...u16(type),
  ...inner,
];
