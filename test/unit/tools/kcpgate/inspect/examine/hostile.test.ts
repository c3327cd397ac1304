import { expect, test } from 'vitest';
import { SeededRandom } from '../../../../../../src/base/seeded-random.ts';
import type { AnySegment } from '../../../../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { writeSealedHeader } from '../../../../../../src/wire/sealed-header.ts';
import { kcptunKey } from '../../../../../../tools/kcpgate/inspect/examine/kcp-go-key.ts';
import { parseKeyLog } from '../../../../../../tools/kcpgate/inspect/key-log.ts';
import { ack, Capture, CONV, datagramOf, push } from './capture.ts';
import { SealedSeries } from './sealed-series.ts';

const SEED = Number(process.env.KCPGATE_SEED ?? 71);

/** One of everything that is sent. */
function corpus(): Uint8Array[] {
  const series = new SealedSeries('hostile');
  const conv = CONV;
  const [wnd, una] = [64, 1];
  const rest: AnySegment[] = [
    { type: 'windowAsk', conv, wnd, ts: 0, sn: 0, una },
    { type: 'windowTell', conv, wnd: 0, ts: 0, sn: 0, una },
    { type: 'kick', conv, wnd, una, code: 3001, retryAfterMs: 5, reason: 'why not' },
    { type: 'fin', acknowledges: false, conv, wnd, una, finalSn: 4, code: 0 },
    { type: 'reset', conv, token: new Uint8Array(16) },
    { type: 'pathChallenge', conv, wnd, una, ts: 1, data: new Uint8Array(8) },
    { type: 'datagram', conv, wnd, una, counter: 1, payload: new Uint8Array(9) },
  ];
  return [
    datagramOf(push({ sn: 0, ts: 1, type: 'new' })),
    datagramOf(push({ sn: 1, ts: 2, frg: 3, length: 300 }), push({ sn: 2, ts: 2, frg: 200 })),
    datagramOf(ack(0, 1, 1), ack(2, 2, 1)),
    ...rest.map((segment) => datagramOf(segment)),
    series.hello(0, ...rest),
    series.helloAck(0, rest[1]!),
    series.fromClient(0, { withBlock: true }, push({ sn: 0, ts: 1 }), rest[2]!),
    series.fromGateway(7, { copy: true }, ack(0, 1, 1)),
    Buffer.from('f1000000f1001a00', 'hex'),
    Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.1 40001 4000\r\n'),
    Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
    Buffer.concat([Buffer.from('56ec', 'hex'), new Uint8Array(36), datagramOf(push({ sn: 0, ts: 1 }))]),
    new Uint8Array(0),
  ];
}

test('whatever arrives is examined', () => {
  const random = new SeededRandom(SEED);
  const keyLog = parseKeyLog(new SealedSeries('hostile').keyLog);
  const datagrams = corpus();
  for (const proxy of ['auto', 'off', 'proxy', 'spp'] as const) {
    const kcpGo = { crypt: 'salsa20', key: kcptunKey('secret') } as const;
    const capture = new Capture({ proxy, keyLog, kcpGo });
    const flows = [capture.flow(), capture.flow(undefined, 'tcp'), capture.flow({ address: '::1', port: 5 })];
    for (let i = 0; i < 1200; i++) {
      const bytes = mutated(datagrams[random.nextInt(datagrams.length)]!, random);
      capture.nowMs += random.nextInt(50) - 5;
      const missingBytes = random.nextInt(10) === 0 ? random.nextInt(500) : 0;
      const isProxyHeader = random.nextInt(100) === 0;
      const flow = flows[random.nextInt(flows.length)]!;
      const examined = capture.take(bytes, random.nextInt(2) === 0, { missingBytes, flow, isProxyHeader });
      expectWithin(examined.clear, examined.clearAt, examined.clearLength);
      for (const segment of examined.segments.slice(0, examined.segmentCount)) {
        expectWithin(examined.clear, segment.at, 24);
        expect(segment.payloadAt).toBeGreaterThanOrEqual(segment.at + 24);
      }
    }
    capture.examiner.finish();
    for (const { text, packets } of capture.examiner.notes) {
      expect(text).not.toMatch(/undefined|NaN/);
      expect(packets.length).toBeLessThanOrEqual(16);
    }
    for (const { description } of capture.examiner.flows) expect(description).not.toBe('');
    for (const session of capture.examiner.sessions) {
      for (const { packets, roundTrip, window, retransmissions } of [
        session.fromClient,
        session.fromGateway,
      ]) {
        expect(packets).toBeGreaterThanOrEqual(0);
        expect(retransmissions.total).toBe(
          retransmissions.fast + retransmissions.timeout + retransmissions.lineChange,
        );
        expect(window.min).toBeLessThanOrEqual(window.max);
        if (roundTrip.count > 0) expect(roundTrip.p50Us).toBeLessThanOrEqual(roundTrip.maxUs);
      }
    }
  }
});

test('a flood of conversations does not grow memory, and does not push out who is answered', () => {
  const random = new SeededRandom(SEED);
  const capture = new Capture({ limits: { maxSessions: 200, maxFlows: 50 } });
  capture.up(push({ sn: 0, ts: 1 }));
  capture.down(ack(0, 1, 1));
  for (let i = 0; i < 2500; i++) {
    const flow = i % 2 === 0 ? capture.flow() : { ...capture.flow({ address: '10.0.0.1', port: i }) };
    const conv = random.nextUint32();
    const sealed = new Uint8Array(60);
    writeSealedHeader(wireMemory(sealed).view, 0, conv, 0, i, false);
    capture.take(i % 3 === 0 ? sealed : datagramOf(push({ sn: random.nextUint32(), ts: i, conv })), true, {
      flow,
    });
  }
  capture.up(push({ sn: 1, ts: 9 }));
  const { sessions, flows, counters } = capture.examiner;
  expect(sessions.length).toBeLessThanOrEqual(200);
  expect(flows.length).toBeLessThanOrEqual(50);
  expect(counters.forgottenSessions).toBeGreaterThan(2000);
  expect(counters.forgottenFlows).toBeGreaterThan(1000);
  expect(sessions[0]).toMatchObject({ index: 0, fromClient: { pushes: 2 } });
});

test('numbers that are made up take no memory', () => {
  const random = new SeededRandom(SEED);
  const capture = new Capture({ limits: { maxMemoryBytes: 1 << 20 } });
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 6000; i++) {
    const sn = i % 4 === 0 ? random.nextUint32() : random.nextInt(60_000);
    const conv = 1 + random.nextInt(2000);
    capture.up(push({ sn, ts: random.nextUint32(), conv, length: 0 }));
    if (i % 8 === 0) capture.down(ack(random.nextInt(60_000), 0, random.nextUint32(), 0, conv));
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
});

function expectWithin(clear: Uint8Array | null, at: number, length: number): void {
  if (clear === null) return;
  if (at < 0 || length < 0 || at + length > clear.length)
    throw new Error(`${at} + ${length} > ${clear.length}`);
}

/** A few bytes changed, or some taken off the end, or nothing done. */
function mutated(original: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = original.slice();
  if (random.nextInt(4) === 0) return bytes.slice(0, random.nextInt(bytes.length + 1));
  for (let changes = random.nextInt(4); changes > 0 && bytes.length > 0; changes--) {
    bytes[random.nextInt(Math.min(bytes.length, random.nextInt(2) === 0 ? 24 : bytes.length))] =
      random.nextInt(256);
  }
  return bytes;
}
