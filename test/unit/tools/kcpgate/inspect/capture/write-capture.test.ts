import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeFrameHeader } from '../../../../../../src/wire/frame.ts';
import {
  LINK_TYPE_ETHERNET,
  PcapngWriter,
} from '../../../../../../tools/kcpgate/inspect/capture/pcapng-writer.ts';
import {
  TCP_FLAG,
  tcpFrame,
  type TcpDirection,
} from '../../../../../../tools/kcpgate/inspect/capture/tcp-frame.ts';
import { udpFrame } from '../../../../../../tools/kcpgate/inspect/capture/udp-frame.ts';
import { readAll } from './read-all.ts';
import { DATA, ethernet, ipv4, udp } from './tiny-capture.ts';

const NOTHING = new Uint8Array(0);
const IPV4_END = { address: '192.0.2.1', port: 4000 };
const OTHER_IPV4_END = { address: '192.0.2.2', port: 5000 };
const IPV6_END = { address: '2001:db8::1', port: 65_535 };

/** A file as it is written, piece by piece. */
class Written {
  readonly pieces: Uint8Array[] = [];
  readonly writer: PcapngWriter;

  constructor(linkType?: number) {
    const sink = (chunk: Uint8Array): unknown => this.pieces.push(chunk);
    this.writer = new PcapngWriter({ sink, ...(linkType === undefined ? {} : { linkType }) });
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.pieces);
  }

  write(timeUs: number, packet: Uint8Array, comment?: string): void {
    this.writer.writePacket(timeUs, packet, 0, packet.length, comment);
  }
}

/** What the checksum of `[at, end)` and the pseudo header comes to: 0 when it is right. */
function checksumOf(packet: Uint8Array, at: number, protocol: number): number {
  const addresses = at === 20 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  const inner = packet.subarray(at);
  const all = [...addresses, 0, protocol, inner.length >>> 8, inner.length & 0xff, ...inner];
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) sum += (all[i]! << 8) | (all[i + 1] ?? 0);
  return 0xffff - (sum % 0xffff || 0xffff);
}

describe('what is written', () => {
  it('is what is read: bytes, ends, times, comments', () => {
    const ends = fc.constantFrom(IPV4_END, OTHER_IPV4_END, IPV6_END);
    const packet = fc.record({
      from: ends,
      to: ends,
      bytes: fc.uint8Array({ maxLength: 100 }),
      timeUs: fc.integer({ min: 0, max: 2 ** 51 }),
      comment: fc.string(),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 5 }), (packets) => {
        const file = new Written();
        for (const { from, to, bytes, timeUs, comment } of packets) {
          file.write(timeUs, udpFrame(from, to, bytes, 0, bytes.length), comment);
        }
        const { datagrams, notices } = readAll(file.bytes);
        expect(notices).toEqual([]);
        expect(datagrams.map(({ hex, timeUs, comment }) => ({ hex, timeUs, comment }))).toEqual(
          packets.map(({ bytes, timeUs, comment }) => ({
            hex: Buffer.from(bytes).toString('hex'),
            timeUs,
            comment,
          })),
        );
        const text = ({ address, port }: typeof IPV4_END): string => `${address}:${port}`;
        expect(datagrams.map(({ way }) => way)).toEqual(
          packets.map(({ from, to }) => `udp ${text(from)} > ${text(to)}`),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('keeps fractions of a microsecond, other link types and lengths', () => {
    const file = new Written(LINK_TYPE_ETHERNET);
    const packet = Uint8Array.from([9, ...ethernet(ipv4(udp(DATA)))]);
    file.writer.writePacket(1_000_000.25, packet, 1, packet.length - 1 - 4, '', packet.length - 1);
    const [datagram] = readAll(file.bytes).datagrams;
    expect(datagram).toMatchObject({ timeUs: 1_000_000.25, missingBytes: 4 });
  });

  it('has right checksums', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(bytes, fc.boolean(), (data, isIpv6) => {
        const to = isIpv6 ? IPV6_END : OTHER_IPV4_END;
        const at = isIpv6 ? 40 : 20;
        expect(checksumOf(udpFrame(IPV4_END, to, data, 0, data.length), at, 17)).toBe(0);
        const direction = { sequence: 2 ** 32 - 5, acknowledged: 7 };
        expect(checksumOf(tcpFrame(IPV4_END, to, direction, 24, data, 0, data.length), at, 6)).toBe(0);
        expect(direction.sequence).toBe((2 ** 32 - 5 + data.length) % 2 ** 32);
      }),
    );
    // A sum of 0 is written as its other form: 0 says that there is none.
    const zero = udpFrame(
      { address: '', port: 0 },
      { address: '', port: 0 },
      Uint8Array.of(0xff, 0xda),
      0,
      2,
    );
    expect([zero[26], zero[27]]).toEqual([0xff, 0xff]);
  });

  it('of a connection is read as its frames', () => {
    const file = new Written();
    const client: TcpDirection = { sequence: 2 ** 32 - 1, acknowledged: 0 };
    const frame = new Uint8Array(DATA.length + 2);
    writeFrameHeader(new DataView(frame.buffer), 0, DATA.length);
    frame.set(DATA, 2);
    const send = (flags: number, bytes: Uint8Array): void =>
      file.write(1, tcpFrame(IPV4_END, OTHER_IPV4_END, client, flags, bytes, 0, bytes.length));
    send(TCP_FLAG.syn, NOTHING);
    send(TCP_FLAG.ack | TCP_FLAG.psh, frame);
    send(TCP_FLAG.ack, frame);
    send(TCP_FLAG.ack | TCP_FLAG.fin, NOTHING);
    expect(client.sequence).toBe(2 * frame.length + 1);
    const { datagrams, notices } = readAll(file.bytes);
    expect(datagrams.map(({ hex }) => hex)).toEqual([1, 2].map(() => Buffer.from(DATA).toString('hex')));
    expect(notices).toEqual([]);
  });

  it('refuses what a packet cannot hold', () => {
    const large = new Uint8Array(65_508);
    expect(() => udpFrame(IPV4_END, OTHER_IPV4_END, large, 0, 65_508)).toThrow(RangeError);
    expect(udpFrame(IPV4_END, OTHER_IPV4_END, large, 0, 65_507)).toHaveLength(65_535);
    const direction = { sequence: 0, acknowledged: 0 };
    expect(() => tcpFrame(IPV4_END, OTHER_IPV4_END, direction, 0, large, 0, 65_496)).toThrow(RangeError);
  });
});
