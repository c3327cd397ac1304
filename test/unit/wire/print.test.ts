import { describe, expect, it } from 'vitest';
import { type AnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { dissect, MAX_DATAGRAM_BYTES } from '../../../src/wire/dissect.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { formatHex, formatLine, formatTree } from '../../../src/wire/print.ts';
import { fromHex, loadVectors, vectors } from './vectors.ts';

/** The vector datagrams that are one segment or one packet, each as one line. */
const LINES: readonly (readonly [name: string, line: string])[] = [
  ['push', '0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3 payload=616263'],
  ['new', '0x01020304 NEW frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3 address=203.0.113.9:40001 payload=616263'],
  [
    'new as a client sends it first',
    '0x01020304 NEW frg=0 wnd=1024 ts=1234 sn=0 una=0 len=0 address=not-filled',
  ],
  ['ack', '0x01020304 ACK wnd=1024 ts=1234 sn=7 una=5 len=0'],
  ['wask', '0x01020304 WASK wnd=0 una=5 len=0'],
  ['wins', '0x01020304 WINS wnd=1024 una=5 len=0'],
  ['kick', '0x01020304 KICK retryAfter=2000ms code=3500(kicked) len=7 reason="bye ✓"'],
  ['fin', '0x01020304 FIN acknowledges=no code=0(normal) finalSn=8 len=0'],
  ['finAck', '0x01020304 FIN acknowledges=yes code=0(normal) finalSn=8 len=0'],
  ['reset', '0x01020304 RESET len=16 token=a900c619af1dfe3b0d328214fe26cbdd'],
  [
    'probe',
    `0x00000000 PROBE index=2 ts=77 number=2 nonce=0xdeadbeef len=40 padding=${'0'.repeat(64)}... (40 bytes)`,
  ],
  [
    'probeAck',
    '0x00000000 PROBE_ACK index=2 load=42/255,draining ts=77 number=2 nonce=0xdeadbeef len=40 ' +
      'address=203.0.113.9:40001 nodeId=1 epoch=1760000000 retryAfter=1500ms',
  ],
  [
    'probeAck, not ready, no address',
    '0x01020304 PROBE_ACK index=255 load=255/255,not-ready ts=4294967295 number=0 nonce=0x00000000 len=40 ' +
      'address=not-filled nodeId=4294967295 epoch=0 retryAfter=0ms',
  ],
  ['challenge', '0x01020304 PATH_CHALLENGE ts=99 len=8 data=0001020304050607'],
  ['response', '0x01020304 PATH_RESPONSE ts=99 len=8 data=0001020304050607'],
  ['drain', '0x01020304 DRAIN deadline=30000ms jitter=5000ms len=15 lines="eu2-udp,eu2-tcp"'],
  ['datagram', '0x01020304 DATAGRAM counter=3 len=3 payload=616263'],
  ['padding', '0x01020304 PADDING len=4 padding=00000000'],
];

const PACKET_LINES: readonly (readonly [name: string, line: string])[] = [
  [
    'FEC data around a segment',
    'FEC_DATA seqid=9 type=241 size=29\n' +
      '0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3 payload=616263',
  ],
  ['FEC parity', `FEC_PARITY seqid=10 type=242 codeWords=${'aa'.repeat(18)}`],
  [
    'FEC out of band',
    '0x01020304 FEC_OOB seqid=4294967295 type=243 size=18 payload=00112233445566778899aabb',
  ],
  ['empty', 'empty 0 bytes\n! empty at 0: no bytes'],
  ['unknown kind', 'unknown_kind 24 bytes\n! unknown_kind at 4: byte 4 is 255, which is no kind of datagram'],
  [
    'tail of 1 byte',
    '0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3 payload=616263\n' +
      '! trailing_bytes at 27: 1 bytes after the last segment',
  ],
];

const named = (file: string, list: string, name: string): string => {
  const lists = loadVectors(file) as Readonly<Record<string, readonly { name: string; hex: string }[]>>;
  return lists[list]!.find((candidate) => candidate.name === name)!.hex;
};

const HELLO_RANDOM = 'random=404142434445464748494a4b4c4d4e4f';
const ACK_RANDOM = 'random=606162636465666768696a6b6c6d6e6f';
const BYTES = '[0-9a-f]+';
const LONG = '[0-9a-f]{64}\\.\\.\\. ';

function encode(segment: AnySegment): Uint8Array {
  const memory = wireMemory(new Uint8Array(2000));
  return memory.bytes.slice(0, writeAnySegment(memory, 0, segment));
}

describe('formatLine', () => {
  it.each(LINES)('prints %s', (name, line) => {
    const vector = vectors.segments.find((candidate) => candidate.name === name)!;
    expect(formatLine(dissect(fromHex(vector.hex)))).toBe(line);
  });

  it.each(PACKET_LINES)('prints the datagram: %s', (name, line) => {
    const vector = vectors.datagrams.find((candidate) => candidate.name === name)!;
    expect(formatLine(dissect(fromHex(vector.hex)))).toBe(line);
  });

  it('prints a sealed datagram without its contents', () => {
    const vector = vectors.datagrams.find((candidate) => candidate.name === 'sealed')!;
    expect(formatLine(dissect(fromHex(vector.hex)))).toMatch(
      /^0x01020304 SEALED pathId=0 pn=1 ciphertext=[0-9a-f]{64}\.\.\. \(37 bytes\) tag=[0-9a-f]{32}$/,
    );
  });
});

describe('formatLine of handshake and sealed datagrams', () => {
  it.each([
    [
      'HELLO with address block, filled by a proxy',
      'hellos',
      `^0x01020304 HELLO version=1 pn=2 ${HELLO_RANDOM} ticketLength=107 ticketVersion=1 ticketKeyId=5 ` +
        `ticketNonce=b0b1b2b3b4b5b6b7b8b9babb ticketText=${LONG}\\(77 bytes\\) ticketTag=${BYTES} ` +
        `address=203\\.0\\.113\\.9:40001 ciphertext=${BYTES} tag=${BYTES}$`,
    ],
    [
      'HELLO_ACK',
      'helloAcks',
      `^0x01020304 HELLO_ACK version=1 pn=0 ${ACK_RANDOM} ciphertext=${BYTES} tag=${BYTES}$`,
    ],
    [
      'HELLO_CLEAR without segments',
      'hellos',
      `^0x01020304 HELLO_CLEAR version=1 pn=0 ${HELLO_RANDOM} ticketLength=102 .* address=not-filled$`,
    ],
    [
      'HELLO_CLEAR_ACK that refuses',
      'helloAcks',
      `^0x01020304 HELLO_CLEAR_ACK version=1 pn=0 ${ACK_RANDOM}\n` +
        '0x01020304 KICK retryAfter=2000ms code=3006\\(overload\\) len=4 reason="full"$',
    ],
    [
      'version 2',
      'badHandshakes',
      `^0x01020304 HELLO version=2 pn=0 ${HELLO_RANDOM} rest=${LONG}\\(\\d+ bytes\\)\n` +
        '! hello_version at 0: the version of the handshake is not 1$',
    ],
    [
      'client, new path, block filled by a proxy',
      'sealedDatagrams',
      '^0x01020304 SEALED pathId=1 pn=4294967301 address=\\[2001:db8::1\\]:65535 ' +
        `ciphertext=${LONG}\\(37 bytes\\) tag=${BYTES}$`,
    ],
    [
      '28 bytes with block',
      'cutSealedDatagrams',
      `^0x01020304 SEALED pathId=1 pn=4294967301 rest=${BYTES}\n! truncated_tag at 28: the datagram ends .*$`,
    ],
  ])('prints %s', (name, list, pattern) => {
    expect(formatLine(dissect(fromHex(named('handshake.json', list, name))))).toMatch(new RegExp(pattern));
  });
});

describe('formatLine of proxied datagrams', () => {
  const PUSH_LINE = '0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3 payload=616263';

  it.each([
    [
      'v1, nginx, IPv6',
      'PROXY_V1 family=TCP6 source=::1 destination=::1 sourcePort=40002 destinationPort=9100',
    ],
    ['v1, UNKNOWN', 'PROXY_V1 family=UNKNOWN'],
    [
      'v2, nginx 1.31.4, UDP4 with CRC-32C',
      'PROXY_V2 command=PROXY family=UDP4 length=19 source=127.0.0.1 destination=127.0.0.1 ' +
        'sourcePort=40001 destinationPort=9100 crc32c=462cc6aa',
    ],
    [
      'v2, unknown TLVs',
      'PROXY_V2 command=PROXY family=TCP4 length=35 source=203.0.113.9 destination=198.51.100.1 ' +
        'sourcePort=40001 destinationPort=443 tlv0xee=78797a noop=(none) authority=6578616d706c652e6f7267',
    ],
    [
      'v2, haproxy 2.6, LOCAL with CRC-32C',
      'PROXY_V2 command=LOCAL family=UNSPEC length=7 skipped=030004a9b87e8f',
    ],
    ['SPP, IPv4', 'SPP source=127.0.0.3 destination=127.0.0.1 sourcePort=41602 destinationPort=9109'],
  ])('prints %s', (name, line) => {
    const push = vectors.segments.find((candidate) => candidate.name === 'push')!.hex;
    const mode = name.startsWith('SPP') ? 'spp' : 'proxy';
    const dissection = dissect(fromHex(named('proxy.json', 'headers', name) + push), { proxy: mode });
    expect(formatLine(dissection)).toBe(`${line}\n${PUSH_LINE}`);
  });

  it('shows where each part of a line of text stands', () => {
    const header = fromHex(named('proxy.json', 'headers', 'v1, nginx, IPv4'));
    const { units } = dissect(header, { proxy: 'proxy' });
    const texts = units[0]!.fields.map(({ name, offset, length }) => [
      name,
      Buffer.from(header.subarray(offset, offset + length)).toString(),
    ]);
    expect(Object.fromEntries(texts)).toEqual({
      family: 'TCP4',
      source: '127.0.0.1',
      destination: '127.0.0.1',
      sourcePort: '40001',
      destinationPort: '9100',
    });
  });

  it('a header that is cut off leads nowhere', () => {
    const cut = fromHex(named('proxy.json', 'headers', 'SPP, IPv4')).subarray(0, 30);
    expect(formatLine(dissect(cut, { proxy: 'spp' }))).toBe(
      'proxy_fault 30 bytes\n! proxy_incomplete at 0: the datagram ends inside its proxy header',
    );
  });
});

describe('formatTree', () => {
  it('shows every field with its place, and which are not used', () => {
    const vector = vectors.segments.find((candidate) => candidate.name === 'kick')!;
    expect(formatTree(dissect(fromHex(`${vector.hex}00`)))).toBe(
      [
        'clear datagram, 32 bytes',
        '  KICK at 0, 31 bytes',
        '        0 +4     conv            0x01020304',
        '        4 +1     cmd             KICK',
        '        5 +1     frg             0 (unused)',
        '        6 +2     wnd             1024 (unused)',
        '        8 +4     retryAfter      2000ms',
        '       12 +4     code            3500(kicked)',
        '       16 +4     una             5 (unused)',
        '       20 +4     len             7',
        '       24 +7     reason          "bye ✓"',
        '  ! trailing_bytes at 31: 1 bytes after the last segment',
      ].join('\n'),
    );
  });
});

describe('formatHex', () => {
  it('shows offset, bytes and ASCII, the last row filled up', () => {
    const bytes = new TextEncoder().encode('0123456789abcdefAB\n✓');
    expect(formatHex(bytes)).toBe(
      [
        '0000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef',
        '0010  41 42 0a e2 9c 93                                 AB....',
      ].join('\n'),
    );
  });

  it('stops at the limit and says so', () => {
    expect(formatHex(new Uint8Array(20), 16).split('\n')).toEqual([
      expect.stringContaining('0000'),
      '... 4 more bytes',
    ]);
    expect(formatHex(new Uint8Array(0))).toBe('');
  });
});

describe('text from the network', () => {
  it.each([
    ['a terminal escape', '\u001b[2J', '"\\u{1b}[2J"'],
    ['a line break', 'a\r\nb', '"a\\u{d}\\u{a}b"'],
    ['a C1 control', '\u009b31m', '"\\u{9b}31m"'],
    ['a right-to-left override', '\u202eexe', '"\\u{202e}exe"'],
    ['a line separator', '\u2028', '"\\u{2028}"'],
    ['quotes and backslashes', '"\\', '"\\"\\\\"'],
    ['letters and an emoji, left alone', 'tschüß 😀', '"tschüß 😀"'],
  ])('is made harmless: %s', (_name, reason, text) => {
    const kick = encode({ type: 'kick', conv: 1, wnd: 0, una: 0, code: 3500, retryAfterMs: 0, reason });
    expect(formatLine(dissect(kick)).split('reason=')[1]).toBe(text);
    expect(formatTree(dissect(kick))).toContain(text);
  });
});

describe('dissect', () => {
  it('looks at no more than the longest datagram', () => {
    const bytes = new Uint8Array(1_000_000);
    for (let at = 4; at < bytes.length; at += 24) bytes[at] = 82;
    const dissection = dissect(bytes);
    expect(dissection.units).toHaveLength(Math.floor(MAX_DATAGRAM_BYTES / 24));
    expect(dissection.problems.map((problem) => problem.code)).toEqual(['oversize', 'trailing_bytes']);
  });

  it('works on a part of a larger piece of memory', () => {
    const push = fromHex(vectors.segments[0]!.hex);
    const larger = new Uint8Array(100).fill(0xff);
    larger.set(push, 33);
    expect(dissect(larger.subarray(33, 33 + push.length))).toEqual(dissect(push));
  });
});
