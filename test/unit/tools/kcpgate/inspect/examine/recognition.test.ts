import { createCipheriv } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../../../../src/base/seeded-random.ts';
import { FecType, writeFecHeader } from '../../../../../../src/wire/fec-header.ts';
import { HandshakeKind, writeHelloHeader } from '../../../../../../src/wire/hello.ts';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { writeProxyV2 } from '../../../../../../src/wire/proxy-v2.ts';
import { writeSealedHeader } from '../../../../../../src/wire/sealed-header.ts';
import { writeSpp } from '../../../../../../src/wire/spp.ts';
import {
  kcptunKey,
  type KcpGoCryptName,
} from '../../../../../../tools/kcpgate/inspect/examine/kcp-go-key.ts';
import { ack, Capture, CONV, datagramOf, push } from './capture.ts';

const random = new SeededRandom(9);
const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.nextInt(256));

const descriptionsOf = (capture: Capture): string[] =>
  capture.examiner.flows.map(({ description }) => description);

function sealed(conv: number, pn: number, length = 100, isCopy = false): Uint8Array {
  const bytes = noise(length);
  writeSealedHeader(wireMemory(bytes).view, 0, conv, 0, pn, false, isCopy);
  return bytes;
}

function hello(conv: number, client: Uint8Array): Uint8Array {
  const memory = wireMemory(noise(1200));
  const kind = HandshakeKind.hello;
  writeHelloHeader(memory, 0, { kind, conv, pn: 0, random: client, ticket: noise(100), withBlock: true });
  return memory.bytes;
}

/** Data packet `sequence` of kcp-go's FEC around a PUSH. */
function fecData(sequence: number, sn: number): Uint8Array {
  const inside = datagramOf(push({ sn, ts: 10 * sn }));
  const bytes = new Uint8Array(8 + inside.length);
  writeFecHeader(wireMemory(bytes).view, 0, sequence, FecType.data, inside.length);
  bytes.set(inside, 8);
  return bytes;
}

function fecParity(sequence: number): Uint8Array {
  const bytes = noise(60);
  writeFecHeader(wireMemory(bytes).view, 0, sequence, FecType.parity, 0);
  return bytes;
}

describe('what is spoken on a flow', () => {
  test('clear segments', () => {
    const capture = new Capture();
    expect(capture.up(push({ sn: 0, ts: 1 }))).toMatchObject({ kind: 'clear', conv: CONV, session: 0 });
    expect(capture.down(ack(0, 1, 1))).toMatchObject({ kind: 'clear', isFromClient: false });
    expect(descriptionsOf(capture)).toEqual(['KCP, not encrypted']);
  });

  test('random bytes are nothing, however many there are', () => {
    const capture = new Capture();
    for (let i = 0; i < 800; i++) capture.take(noise(24 + random.nextInt(1300)), i % 3 > 0);
    const [flow] = capture.examiner.flows;
    expect(flow!.kinds.opaque).toBeGreaterThan(770);
    expect(flow!.description).toMatch(/^unknown/);
    expect(capture.examiner.sessions).toEqual([]);
    capture.examiner.finish();
    expect(capture.examiner.notes).toEqual([]);
  });

  test('sealed datagrams without their handshake', () => {
    const capture = new Capture();
    for (let pn = 5; pn < 9; pn++) {
      expect(capture.take(sealed(CONV, pn), true)).toMatchObject({
        kind: 'sealed',
        sealedBecause: 'no_key',
        conv: CONV,
      });
    }
    expect(capture.examiner.sessions).toMatchObject([{ type: 'sealed', unopened: 4, beginningSeen: false }]);
    expect(descriptionsOf(capture)).toEqual(['kcpgate, sealed']);
  });

  test('a handshake', () => {
    const capture = new Capture();
    expect(capture.take(hello(CONV, noise(16)), true)).toMatchObject({
      kind: 'handshake',
      conv: CONV,
      session: 0,
    });
    expect(capture.examiner.sessions[0]).toMatchObject({
      type: 'sealed',
      clientToldBy: 'handshake',
      beginningSeen: true,
    });
  });

  test('kcp-go FEC, and the numbers of its shards from where parity stands', () => {
    const capture = new Capture();
    let sn = 0;
    for (let sequence = 4; sequence < 39; sequence++) {
      const isParity = sequence % 13 >= 10;
      const bytes = isParity ? fecParity(sequence) : fecData(sequence, sn++);
      expect(capture.take(bytes, true)).toMatchObject({
        kind: 'fec',
        foreignHeaderBytes: 8,
        segmentCount: isParity ? 0 : 1,
      });
    }
    expect(descriptionsOf(capture)).toEqual(['kcp-go, FEC 10/3, not encrypted']);
    expect(capture.examiner.sessions).toMatchObject([
      { fromClient: { packets: 35, segments: 26, pushes: 26 } },
    ]);
  });

  test('a flow that changes its mind', () => {
    const capture = new Capture();
    for (let i = 0; i < 40; i++) capture.take(noise(200), true);
    for (let sn = 0; sn < 40; sn++) capture.up(push({ sn, ts: sn }));
    for (let sequence = 0; sequence < 40; sequence++) capture.take(fecData(sequence, 40 + sequence), true);
    expect(descriptionsOf(capture)[0]).toMatch(
      /^unknown.*, then KCP, not encrypted, then kcp-go, FEC, not encrypted$/,
    );
    expect(capture.examiner.sessions).toMatchObject([{ fromClient: { pushes: 80 } }]);
  });

  test('datagrams that are cut off by the capture are read as far as they go', () => {
    const capture = new Capture();
    const whole = datagramOf(push({ sn: 0, ts: 1, length: 1000 }));
    const cut = { bytes: whole.subarray(0, 68), length: 68, missingBytes: whole.length - 68 };
    expect(capture.take(whole, true, cut)).toMatchObject({ kind: 'clear', segmentCount: 1 });
    const sealedCut = { length: 60, missingBytes: 40 };
    capture.take(sealed(7, 1), true);
    expect(capture.take(sealed(7, 2), true, sealedCut)).toMatchObject({
      kind: 'sealed',
      sealedBecause: 'cut_off',
    });
    expect(capture.examiner.sessions[0]!.fromClient).toMatchObject({ payloadBytes: 1000, bytes: 1024 });
    expect(capture.examiner.flows[0]).toMatchObject({ cutOff: 2 });
  });
});

describe('headers in front', () => {
  const client = { address: '203.0.113.9', family: 4, port: 40_001 } as const;
  const proxy = { address: '198.51.100.1', family: 4, port: 4000 } as const;

  function behind(write: (memory: ReturnType<typeof wireMemory>) => number, inside: Uint8Array): Uint8Array {
    const memory = wireMemory(new Uint8Array(2000));
    const at = write(memory);
    memory.bytes.set(inside, at);
    return memory.bytes.slice(0, at + inside.length);
  }
  const v2 = (inside: Uint8Array): Uint8Array =>
    behind(
      (memory) => writeProxyV2(memory, 0, { source: client, destination: proxy, transport: 'datagram' }),
      inside,
    );
  const spp = (inside: Uint8Array, port: number = client.port): Uint8Array =>
    behind((memory) => writeSpp(memory, 0, { ...client, port }, proxy), inside);

  test.each([
    ['PROXY v2', v2, 28, 'proxy'],
    ['SPP', spp, 38, 'spp'],
  ] as const)('%s is found, and whom it names', (_name, wrap, headerBytes, proxyHeaders) => {
    const capture = new Capture();
    const datagram = capture.take(wrap(datagramOf(push({ sn: 0, ts: 1 }))), true);
    expect(datagram).toMatchObject({ kind: 'clear', proxyBytes: headerBytes, segmentCount: 1 });
    expect(capture.take(wrap(new Uint8Array(0)), true)).toMatchObject({ kind: 'proxy_header' });
    expect(capture.examiner.flows).toMatchObject([{ proxyHeaders, proxyHeaderCount: 2 }]);
    expect(capture.examiner.sessions).toMatchObject([
      { realClient: { address: '203.0.113.9', port: 40_001 }, fromClient: { bytes: 34 } },
    ]);
  });

  test('PROXY v1, alone and with data', () => {
    const capture = new Capture();
    const line = Buffer.from('PROXY UDP4 203.0.113.9 198.51.100.1 40001 4000\r\n'.replace('UDP4', 'TCP4'));
    expect(capture.take(line, true)).toMatchObject({ kind: 'proxy_header', proxyBytes: line.length });
    const withData = Buffer.concat([line, datagramOf(push({ sn: 0, ts: 1 }))]);
    expect(capture.take(withData, true)).toMatchObject({ kind: 'clear', proxyBytes: line.length });
  });

  test('clients behind SPP are told apart though they chose the same conv', () => {
    const capture = new Capture();
    capture.take(spp(datagramOf(push({ sn: 0, ts: 1 }))), true);
    capture.take(spp(datagramOf(push({ sn: 0, ts: 5 })), 40_002), true);
    capture.take(spp(datagramOf(push({ sn: 1, ts: 6 }))), true);
    expect(capture.examiner.sessions.map(({ fromClient }) => fromClient.pushes)).toEqual([2, 1]);
  });

  test('a conv that begins like SPP is no header', () => {
    const capture = new Capture();
    expect(capture.up(push({ sn: 0, ts: 1, conv: 0x1234ec56, length: 14 }))).toMatchObject({
      proxyBytes: 0,
      conv: 0x1234ec56,
    });
  });

  test('told that there are none, none are looked for', () => {
    const capture = new Capture({ proxy: 'off' });
    expect(capture.take(v2(datagramOf(push({ sn: 0, ts: 1 }))), true)).toMatchObject({
      kind: 'opaque',
      proxyBytes: 0,
    });
  });
});

describe('kcp-go encryption', () => {
  const key = kcptunKey('secret');
  const iv = Buffer.from([167, 115, 79, 156, 18, 172, 27, 1, 164, 21, 242, 193, 252, 120, 230, 107]);

  function packet(inside: Uint8Array): Buffer {
    const bytes = Buffer.concat([noise(16), Buffer.alloc(4), inside]);
    bytes.writeUInt32LE(crc32(inside), 16);
    return bytes;
  }
  const cfb = (algorithm: string, keyBytes: number, ivBytes: number) => (inside: Uint8Array) =>
    createCipheriv(algorithm, key.subarray(0, keyBytes), iv.subarray(0, ivBytes)).update(packet(inside));

  const methods: [KcpGoCryptName, (inside: Uint8Array) => Uint8Array][] = [
    ['none', packet],
    ['aes', cfb('aes-256-cfb', 32, 16)],
    ['aes-128', cfb('aes-128-cfb', 16, 16)],
    ['aes-192', cfb('aes-192-cfb', 24, 16)],
    ['sm4', cfb('sm4-cfb', 16, 16)],
    ['3des', cfb('des-ede3-cfb', 24, 8)],
  ];

  test.each(methods)('%s is opened with its key, with FEC and without', (crypt, encrypt) => {
    const capture = new Capture({ kcpGo: { crypt, key } });
    const plain = capture.take(encrypt(datagramOf(push({ sn: 0, ts: 1, length: 33 }))), true);
    expect(plain).toMatchObject({
      kind: 'kcp_go_crypt',
      foreignHeaderBytes: 20,
      segmentCount: 1,
      session: 0,
    });
    expect(capture.take(encrypt(fecData(0, 1)), true)).toMatchObject({
      kind: 'kcp_go_crypt',
      foreignHeaderBytes: 28,
      segmentCount: 1,
    });
    expect(capture.take(encrypt(fecParity(1)), true)).toMatchObject({
      kind: 'kcp_go_crypt',
      foreignHeaderBytes: 28,
      segmentCount: 0,
    });
    expect(descriptionsOf(capture)[0]).toContain(
      crypt === 'none' ? 'not encrypted (crypt none)' : `encrypted with ${crypt}, opened`,
    );
  });

  test('what looks like an answer to a handshake is what its checksum says', () => {
    const plain = packet(datagramOf(push({ sn: 0, ts: 1, length: 33 })));
    const encrypt = (): Buffer => createCipheriv('aes-256-cfb', key.subarray(0, 32), iv).update(plain);
    // The first block is the random number, XOR something that is always the same.
    const first = encrypt();
    plain[4] = plain[4]! ^ first[4]! ^ 0xb1;
    plain[5] = plain[5]! ^ first[5]! ^ 1;
    const bytes = encrypt();
    expect([bytes[4], bytes[5]]).toEqual([0xb1, 1]);
    const capture = new Capture({ kcpGo: { crypt: 'aes', key } });
    expect(capture.take(bytes, true)).toMatchObject({ kind: 'kcp_go_crypt', segmentCount: 1 });
    // Without the key the rest of the flow tells.
    const closed = new Capture();
    for (let i = 0; i < 9; i++) expect(closed.take(noise(60), true).kind).toBe('opaque');
    expect(closed.take(bytes, true).kind).toBe('opaque');
  });

  test('a random number in front that looks like a command does not hide FEC', () => {
    // The number of the FEC packet stands where a segment would have its length.
    const bytes = packet(fecData(packet(fecData(0, 1)).length - 30, 1));
    bytes[4] = 81;
    expect(new Capture().take(bytes, true)).toMatchObject({ kind: 'kcp_go_crypt', foreignHeaderBytes: 28 });
  });

  // Made by kcp-go itself, with the key of "it's a secrect": one PUSH of 13 bytes.
  const made: [KcpGoCryptName, string][] = [
    [
      'xor',
      '0ff98792b1b75f406c465d85ae5ad44511b9292eb69642129c521fbc1e7aac8cf0af663f479b134e28a0d0f7ea4753709bdabb2dd36c59d49c',
    ],
    [
      'tea',
      'fc9a42a2b0cf7c1d89d69deff58b2ad20a729c4a4d066161f8a32bacb9f5d695244ba88fe808b478667751a363aab6f9990cd5f905fa1839d2',
    ],
    [
      'xtea',
      '0923659f5babd76c63aae49ee9368cea0052a98884fd51466215e7e711d43df3216529067dc78d418538d67627030db4288388ca7f3766c6b6',
    ],
    [
      'sm4',
      '0346e859c105971469d539e1f338892b4c239cabc902ae748481fe077a4e7d3cef0806990eee2c0f5ee583b43f91204cbe573aa27879ba4279',
    ],
    [
      '3des',
      '5dcc5159b4a946fa8a3b829ac47864b8702d38434012afd8cb2ee99f9d8f8d309dc4a976eee2df3deaf4bea7416512d0f88a3f7d934a5f2500',
    ],
    [
      'salsa20',
      '00070e151c232a312753935e23d659f62801880bd9b2df863a0023e918192f288e6b3e8ee52100fe06b602e5bb602125e9c53c5e08a5c9a73d',
    ],
    [
      'aes',
      '86854f552b7d3aba9927f31e125395f6e1ad9abb6654b48eab3979bb8e5b22e63646a1e35e13fd9d534112323b97ec095ae1452fa5def95b35',
    ],
  ];

  test.each(made)('a packet of kcp-go with %s', (crypt, hex) => {
    const capture = new Capture({ kcpGo: { crypt, key: kcptunKey("it's a secrect") } });
    const captured = Buffer.from(hex, 'hex');
    const datagram = capture.take(captured, true);
    expect(datagram).toMatchObject({ kind: 'kcp_go_crypt', conv: CONV, segmentCount: 1 });
    expect(captured.toString('hex')).toBe(hex);
    const { payloadAt, length } = datagram.segments[0]!;
    expect(Buffer.from(datagram.clear!.subarray(payloadAt, payloadAt + length)).toString()).toBe(
      'thirteen byte',
    );
  });

  test('aes-128-gcm is opened with its key', () => {
    const capture = new Capture({ kcpGo: { crypt: 'aes-128-gcm', key } });
    const nonce = noise(12);
    const cipher = createCipheriv('aes-128-gcm', key.subarray(0, 16), nonce);
    const text = cipher.update(fecData(0, 0));
    cipher.final();
    const packet = Buffer.concat([nonce, text, cipher.getAuthTag()]);
    expect(capture.take(packet, true)).toMatchObject({
      kind: 'kcp_go_crypt',
      foreignHeaderBytes: 20,
      segmentCount: 1,
    });
    packet[20]! ^= 1;
    expect(capture.take(packet, true)).toMatchObject({ kind: 'opaque' });
  });

  test('the wrong key opens nothing', () => {
    const capture = new Capture({ kcpGo: { crypt: 'aes', key: kcptunKey('other') } });
    const [, encrypt] = methods[1]!;
    expect(capture.take(encrypt(datagramOf(push({ sn: 0, ts: 1 }))), true)).toMatchObject({
      kind: 'opaque',
      clear: null,
    });
  });

  test('a key that is too short is an error', () => {
    expect(() => new Capture({ kcpGo: { crypt: 'aes', key: new Uint8Array(16) } })).toThrow(/32 bytes/);
  });

  test('the key of a pass phrase is that of kcptun', () => {
    // PBKDF2-HMAC-SHA1("it's a secrect", "kcp-go", 4096), by Python's hashlib.
    expect(Buffer.from(kcptunKey("it's a secrect")).toString('hex')).toBe(
      '25d7d7bd51050742d8d791f2b653c6c8b2366b7e25a124cf7a2e12eaf4ffa444',
    );
  });
});
