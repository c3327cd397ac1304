import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HexReader } from '../../../../../../tools/kcpgate/inspect/capture/hex-reader.ts';
import { keep, type KeptDatagram } from './read-all.ts';
import { DATA, ipv4, tcp, udp, type Bytes } from './tiny-capture.ts';

const HEX = Buffer.from(DATA).toString('hex');

function read(input: string, cuts: readonly number[] = []): { found: KeptDatagram[]; lines: number[] } {
  const found: KeptDatagram[] = [];
  const lines: number[] = [];
  const reader = new HexReader({
    sink: (datagram) => found.push(keep(datagram)),
    notice: (_code, line) => lines.push(line),
  });
  const bytes = Buffer.from(input);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    reader.push(bytes.subarray(from, to));
    from = to;
  }
  reader.finish();
  expect(reader.counters.datagrams).toBe(found.length);
  return { found, lines };
}

const hexes = (input: string): string[] => read(input).found.map(({ hex }) => hex);

const rows = (bytes: Bytes): Bytes[] =>
  Array.from({ length: Math.ceil(bytes.length / 16) }, (_, index) =>
    bytes.slice(index * 16, index * 16 + 16),
  );
const pairs = (bytes: Bytes): string[] => bytes.map((byte) => byte.toString(16).padStart(2, '0'));
const ascii = (bytes: Bytes): string =>
  bytes.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
const offset = (index: number, digits: number): string => (index * 16).toString(16).padStart(digits, '0');

const hexdump = (bytes: Bytes): string =>
  rows(bytes)
    .map((row, index) => {
      const hex = [pairs(row.slice(0, 8)).join(' '), pairs(row.slice(8)).join(' ')].join('  ').padEnd(48);
      return `${offset(index, 8)}  ${hex}  |${ascii(row)}|\n`;
    })
    .join('') + `${bytes.length.toString(16).padStart(8, '0')}\n`;
const words = (row: Bytes): string =>
  (
    pairs(row)
      .join('')
      .match(/.{1,4}/g) ?? []
  ).join(' ');
const xxd = (bytes: Bytes): string =>
  rows(bytes)
    .map((row, index) => `${offset(index, 8)}: ${words(row).padEnd(39)}  ${ascii(row)}\n`)
    .join('');
const tcpdump = (bytes: Bytes): string =>
  rows(bytes)
    .map((row, index) => `\t0x${offset(index, 4)}:  ${words(row).padEnd(39)}  ${ascii(row)}\n`)
    .join('');
const wireshark = (bytes: Bytes): string =>
  rows(bytes)
    .map((row, index) => `${offset(index, 4)}   ${pairs(row).join(' ').padEnd(47)}   ${ascii(row)}\n`)
    .join('');

describe('one datagram a line', () => {
  it('is read however its digits stand, with a direction and comments', () => {
    const input = `
      # a comment
      ${HEX}
      > 0x${HEX.toUpperCase()}   # the same
      < ${pairs(DATA).join(' ')}
      ${pairs(DATA).join(':')} // and again

      <
      0102`;
    expect(read(input).found.map(({ hex, isFromA, packet }) => [packet, hex, isFromA])).toEqual([
      [1, HEX, true],
      [2, HEX, true],
      [3, HEX, false],
      [4, HEX, true],
      [5, '0102', false],
    ]);
    expect(read(input).found[0]).toMatchObject({ way: 'udp :0 > :0', flow: 0, timeUs: 0 });
  });

  it('is left out when it is none, and told with its line', () => {
    const { found, lines } = read(`zz\n${HEX}\nabc\r\n${HEX}\r\n${'00'.repeat(70_000)}\n`);
    expect(found).toHaveLength(2);
    expect(lines).toEqual([1, 3, 5]);
  });
});

describe.each([
  ['hexdump -C', hexdump],
  ['xxd', xxd],
  ['Wireshark', wireshark],
])('dumps of %s', (_name, dump) => {
  it('are read, one behind the other', () => {
    const input = `${dump(DATA)}${dump(DATA)}\n< ${dump([...DATA, ...DATA])}0102\n`;
    expect(hexes(input)).toEqual([HEX, HEX, HEX + HEX, '0102']);
    expect(read(input).found.map(({ isFromA }) => isFromA)).toEqual([true, true, false, true]);
  });

  it('are the same however they are cut, and whatever the bytes are', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 70 }).map((array) => [...array]);
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(300), { maxLength: 8 }), (data, cuts) => {
        const input = `${dump(data)}\n`;
        const at = cuts.filter((cut) => cut < input.length).toSorted((a, b) => a - b);
        expect(read(input, at).found.map(({ hex }) => hex)).toEqual([Buffer.from(data).toString('hex')]);
      }),
      { numRuns: 100 },
    );
  });

  it('with a row that cannot be read are left out', () => {
    const broken = dump([...DATA, ...DATA]).replace(/^(00000010|0010)(:?\s+)../m, '$1$2xx');
    const { found, lines } = read(`${dump(DATA)}\n${broken}\n${dump(DATA)}`);
    expect(found.map(({ hex }) => hex)).toEqual([HEX, HEX]);
    expect(lines).toHaveLength(1);
  });
});

describe('other dumps', () => {
  it('have rows that hexdump left out', () => {
    const zeros = [...DATA.slice(0, 16), ...new Array<number>(64).fill(0), 7];
    const all = hexdump(zeros).split('\n');
    const input = [...all.slice(0, 2), '*', ...all.slice(5)].join('\n');
    expect(hexes(input)).toEqual([Buffer.from(zeros).toString('hex')]);
  });

  it('of tcpdump are IP packets, with their time', () => {
    const packet = ipv4(udp(DATA));
    const segment = tcp({ sequence: 1, bytes: [0, DATA.length, ...DATA] });
    const { found, lines } = read(
      `12:34:56.123456 IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 28\n${tcpdump(packet)}` +
        `2026-11-26 00:00:01.5 IP 10.0.0.1 > 10.0.0.2: something\n${tcpdump(segment)}`,
    );
    expect(lines).toEqual([]);
    expect(found.map(({ hex, way, timeUs }) => [hex, way, timeUs])).toEqual([
      [HEX, 'udp 10.0.0.1:4000 > 10.0.0.2:5000', 45_296_123_456],
      [HEX, 'tcp 10.0.0.1:40000 > 10.0.0.2:4000', Date.UTC(2026, 10, 26, 0, 0, 1, 500) * 1000],
    ]);
  });
});

it('any text is read without fault, and in bounded memory', () => {
  const line = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9a-fA-F: x<>*#|]{0,60}$/),
    fc.constantFrom('*', '>', '<', hexdump(DATA), xxd(DATA), '00000000', 'fffffff0  00'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      expect(() => read(lines.join('\n'))).not.toThrow();
    }),
    { numRuns: 500 },
  );
});
