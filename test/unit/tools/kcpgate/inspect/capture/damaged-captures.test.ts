import { afterAll, expect, it } from 'vitest';
import { SeededRandom } from '../../../../../../src/base/seeded-random.ts';
import { HexReader } from '../../../../../../tools/kcpgate/inspect/capture/hex-reader.ts';
import { CaptureReader } from '../../../../../../tools/kcpgate/inspect/capture/read-capture.ts';
import { mutateCapture } from '../../../../../support/mutate-capture.ts';
import {
  ACK,
  DATA,
  ethernet,
  FIN,
  ipv4,
  ipv6,
  Order,
  pcap,
  SYN,
  tcp,
  text,
  u16,
  u32,
  u8,
  udp,
  type Bytes,
} from './tiny-capture.ts';

const RUNS = Number(process.env.KCPGATE_CAPTURE_MUTATIONS ?? 10_000);
const SEED = Number(process.env.KCPGATE_SEED ?? 20_261_126);

const LONG = udp(Array.from({ length: 600 }, (_, index) => index & 0xff));
const FRAME: Bytes = [...u16(DATA.length), ...DATA];
const UPGRADE = text('GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: kcpgate.v1\r\n\r\n');
const MESSAGE: Bytes = [0x82, 0x80 | DATA.length, 0, 0, 0, 0, ...DATA];

/** Some of everything that is read. */
const PACKETS: readonly Bytes[] = [
  ipv4(udp(DATA)),
  ipv6(udp(DATA)),
  ipv4(LONG.slice(0, 304), { id: 1, hasMore: true }),
  ipv4(LONG.slice(304), { id: 1, offset: 304 }),
  ipv6([...u8(17, 0), ...u16(1), ...u32(5), ...LONG.slice(0, 304)], 44),
  ipv6([...u8(17, 0), ...u16(304), ...u32(5), ...LONG.slice(304)], 44),
  tcp({ sequence: 0, flags: SYN }),
  tcp({ sequence: 1, bytes: [...FRAME, ...FRAME.slice(0, 9)] }),
  tcp({ sequence: 100, bytes: FRAME }),
  tcp({ sequence: 1 + FRAME.length + 9, bytes: [...FRAME.slice(9), ...FRAME] }),
  tcp({ sequence: 1, isBack: true, acknowledged: 200 }),
  tcp({ sequence: 200, flags: FIN | ACK }),
  tcp({ sequence: 9, flags: SYN }, [1, 2]),
  tcp({ sequence: 10, bytes: [...text('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n'), ...UPGRADE] }, [1, 2]),
  tcp(
    { sequence: 10 + 33 + UPGRADE.length, bytes: [...MESSAGE, ...MESSAGE, 0x02, ...MESSAGE.slice(1)] },
    [1, 2],
  ),
  tcp({ sequence: 7, bytes: [...DATA.slice(5), ...FRAME, ...FRAME] }, [3, 4]),
];

const little = new Order(true);
const big = new Order(false);
const CAPTURES: readonly Uint8Array[] = [
  pcap(PACKETS.map((bytes) => ({ bytes }))),
  pcap(
    PACKETS.map((bytes) => ({ bytes: ethernet(bytes, bytes[0] === 0x60 ? 0x86dd : 0x0800) })),
    {
      isLittle: false,
      linkType: 1,
      magic: 0xa1b23c4d,
    },
  ),
  Uint8Array.from([
    ...little.section(),
    ...little.interface(101, 0, little.option(9, [9])),
    ...PACKETS.slice(0, 8).flatMap((bytes, index) =>
      little.packet(0, BigInt(index), bytes, bytes.length, little.option(1, text('note'))),
    ),
    ...big.section(),
    ...big.interface(101, 0, big.option(14, [0, 0, 0, 0, 0, 0, 0, 1])),
    ...PACKETS.slice(8).flatMap((bytes, index) => big.packet(0, BigInt(index), bytes)),
    ...big.block(3, [...u32(40), ...PACKETS[0]!.slice(0, 40)]),
  ]),
];

const begunWith = process.memoryUsage();

it(`${RUNS} damaged captures are read without a fault (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  let found = 0;
  for (let run = 0; run < RUNS; run++) {
    const capture = mutateCapture(random, CAPTURES[run % CAPTURES.length]!);
    const cut = Math.floor(random.nextFloat() * capture.length);
    const reader = new CaptureReader({
      sink: ({ bytes, offset, length, missingBytes }) => {
        if (offset < 0 || length < 0 || missingBytes < 0 || offset + length > bytes.length) {
          throw new Error(`run ${run}: ${length} bytes at ${offset} of ${bytes.length}`);
        }
        found++;
      },
      maxMemoryBytes: 64 * 1024,
    });
    reader.push(capture.subarray(0, cut));
    reader.push(capture.subarray(cut));
    reader.finish();
  }
  // Most of a capture is still there when some of it is damaged.
  expect(found / RUNS).toBeGreaterThan(5);
});

it('damaged hex text is read without a fault', () => {
  const random = new SeededRandom(SEED, 1);
  const rows = `00000000  04 03 02 01 51 00 00 04  00 00 00 00 07 00 00 00  |....Q...........|\n*\n00000020\n`;
  const sample = Buffer.from(`# c\n> 0403 0201\n${rows}\t0x0000:  4500 0030 0000  E..0\n12:00:00.1 IP\n`);
  for (let run = 0; run < RUNS / 10; run++) {
    const reader = new HexReader({ sink: () => undefined });
    reader.push(mutateCapture(random, sample));
    reader.finish();
    expect(reader.counters.packets).toBeLessThan(100);
  }
});

afterAll(() => {
  // Nothing of a reader outlives it, and none holds more than it was given.
  const grown = process.memoryUsage().rss - begunWith.rss;
  expect(grown).toBeLessThan(300 * 1024 * 1024);
});
