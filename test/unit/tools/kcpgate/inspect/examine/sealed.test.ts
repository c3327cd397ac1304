import { describe, expect, test } from 'vitest';
import type { AnySegment } from '../../../../../../src/wire/any-segment.ts';
import { SegmentMark } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { parseKeyLog } from '../../../../../../tools/kcpgate/inspect/key-log.ts';
import { HandshakeKind, writeHelloAckHeader, writeHelloHeader } from '../../../../../../src/wire/hello.ts';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { ack, Capture, CLIENT, CONV, datagramOf, only, push } from './capture.ts';
import { SealedSeries } from './sealed-series.ts';

const first = new SealedSeries('first');
const second = new SealedSeries('second');
const withKeys = (...series: SealedSeries[]): Capture =>
  new Capture({ keyLog: parseKeyLog(series.map(({ keyLog }) => keyLog).join('\n')) });

const wins: AnySegment = { type: 'windowTell', conv: CONV, wnd: 1024, ts: 0, sn: 0, una: 0 };
const challenge: AnySegment = {
  type: 'pathChallenge',
  conv: CONV,
  wnd: 0,
  una: 0,
  ts: 5,
  data: new Uint8Array(8),
};

/** HELLO, its answer and the first data. */
function shakeHands(capture: Capture, series: SealedSeries): void {
  capture.take(series.hello(0), true);
  capture.nowMs += 40;
  capture.take(series.helloAck(0, wins), false);
  capture.nowMs += 5;
  capture.take(series.fromClient(0, { withBlock: true }, push({ sn: 0, ts: 1 })), true);
}

describe('with a key log', () => {
  test('HELLO, HELLO_ACK and data of both directions are opened', () => {
    const capture = withKeys(first);
    expect(capture.take(first.hello(0, challenge), true)).toMatchObject({
      kind: 'handshake',
      sealedBecause: null,
      segmentCount: 1,
      isFromClient: true,
    });
    capture.nowMs += 40;
    expect(capture.take(first.helloAck(0, wins), false)).toMatchObject({
      kind: 'handshake',
      sealedBecause: null,
      segmentCount: 1,
      isFromClient: false,
    });
    const data = capture.take(
      first.fromClient(0, { withBlock: true }, push({ sn: 0, ts: 1, length: 77 })),
      true,
    );
    expect(data).toMatchObject({ kind: 'sealed', sealedBecause: null, segmentCount: 1, session: 0 });
    expect(data.clear).not.toBe(data.found.bytes);
    const answer = capture.take(first.fromGateway(1, {}, ack(0, 1, 1)), false);
    expect(answer).toMatchObject({ kind: 'sealed', isFromClient: false, segmentCount: 1 });
    expect(capture.examiner.sessions).toMatchObject([
      {
        type: 'sealed',
        clientToldBy: 'key',
        beginningSeen: true,
        unopened: 0,
        handshakeUs: 40_000,
        fromClient: { payloadBytes: 77 },
      },
    ]);
  });

  test('the key tells who is the client where the capture begins in the middle', () => {
    const capture = withKeys(first);
    expect(capture.take(first.fromGateway(90, {}, push({ sn: 7, ts: 5 })), true)).toMatchObject({
      isFromClient: false,
    });
    expect(capture.take(first.fromClient(80, {}, ack(7, 5, 8)), false)).toMatchObject({ isFromClient: true });
    expect(capture.examiner.sessions).toMatchObject([
      { client: { port: 4000 }, fromGateway: { pushes: 1 }, fromClient: { acks: 1 } },
    ]);
  });

  test('keys that come later open what follows', () => {
    const keyLog = parseKeyLog('');
    const capture = new Capture({ keyLog });
    shakeHands(capture, first);
    expect(capture.examiner.sessions).toMatchObject([{ unopened: 3 }]);
    keyLog.push(`${first.keyLog}\n`);
    expect(capture.take(first.fromClient(1, {}, push({ sn: 1, ts: 2 })), true)).toMatchObject({
      sealedBecause: null,
    });
  });

  test('another handshake of the conv is another session, and late datagrams of the first are still its own', () => {
    const capture = withKeys(first, second);
    shakeHands(capture, first);
    shakeHands(capture, second);
    expect(capture.take(first.fromClient(9, {}, push({ sn: 1, ts: 9 })), true)).toMatchObject({
      session: 0,
      sealedBecause: null,
    });
    expect(capture.take(second.fromGateway(1, {}, ack(0, 1, 1)), false)).toMatchObject({ session: 1 });
    expect(capture.examiner.sessions.map(({ fromClient }) => fromClient.pushes)).toEqual([2, 1]);
  });

  test('without their handshakes the tags tell the sessions of a conv', () => {
    const capture = withKeys(first, second);
    capture.take(first.fromClient(5, {}, push({ sn: 50, ts: 9 })), true);
    capture.take(second.fromClient(5, {}, push({ sn: 3, ts: 9 })), true);
    capture.take(first.fromClient(6, {}, push({ sn: 51, ts: 9 })), true);
    expect(capture.examiner.sessions.map(({ fromClient }) => fromClient.pushes)).toEqual([2, 1]);
  });

  test('an answer is opened although one that was changed on the way came before it', () => {
    const capture = withKeys(first);
    capture.take(first.hello(0), true);
    const changed = first.helloAck(0, wins);
    changed[12 + 3]! ^= 1;
    expect(capture.take(changed, false).sealedBecause).not.toBeNull();
    capture.take(first.fromClient(0, { withBlock: true }, push({ sn: 0, ts: 1 })), true);
    expect(capture.take(first.helloAck(1, wins), false)).toMatchObject({
      kind: 'handshake',
      sealedBecause: null,
      segmentCount: 1,
    });
    expect(capture.examiner.sessions).toMatchObject([{ type: 'sealed', unopened: 1 }]);
  });

  test('what was changed on the way does not open, and counts for nothing', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    const forged = first.fromClient(4_000_000, {}, push({ sn: 1, ts: 2 }));
    forged[forged.length - 1]! ^= 1;
    expect(capture.take(forged, true)).toMatchObject({
      sealedBecause: 'open_failed',
      clear: null,
      session: 0,
    });
    expect(only(capture.take(first.fromClient(1, {}, push({ sn: 1, ts: 2 })), true)).marks).toBe(0);
  });
});

describe('again', () => {
  const { duplicate, retransmission, timeout, outOfOrder } = SegmentMark;

  test('the same number is a duplicate, another is not even within a millisecond', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    const data = first.fromClient(1, {}, push({ sn: 1, ts: 50 }));
    expect(only(capture.take(data, true)).marks).toBe(0);
    expect(only(capture.take(data, true)).marks).toBe(duplicate);
    expect(only(capture.take(first.fromClient(2, {}, push({ sn: 1, ts: 50 })), true)).marks).toBe(
      retransmission | timeout,
    );
    const { fromClient } = capture.examiner.sessions[0]!;
    expect(fromClient).toMatchObject({
      duplicatePackets: 1,
      duplicateSegments: 1,
      retransmissions: { total: 1 },
    });
  });

  test('a copy on another line is the same segment, whichever comes first', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    const other = { flow: capture.flow({ address: '192.0.2.8', port: 9 }, 'tcp') };
    const copy = { copy: true, pathId: 1 };
    capture.take(first.fromClient(1, {}, push({ sn: 1, ts: 50 })), true);
    const late = capture.take(first.fromClient(2, copy, push({ sn: 1, ts: 50 })), true, other);
    expect(only(late).marks).toBe(duplicate);
    capture.take(first.fromClient(4, copy, push({ sn: 2, ts: 60 })), true, other);
    expect(only(capture.take(first.fromClient(3, {}, push({ sn: 2, ts: 60 })), true)).marks).toBe(duplicate);
    expect(capture.examiner.sessions[0]).toMatchObject({
      lineChangeCount: 0,
      carriers: ['udp', 'tcp'],
      fromClient: { copies: 2, pushes: 3, retransmissions: { total: 0 } },
    });
  });

  test('numbers out of order are normal', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    capture.take(first.fromClient(2, {}, push({ sn: 2, ts: 50 })), true);
    expect(only(capture.take(first.fromClient(1, {}, push({ sn: 1, ts: 50 })), true)).marks).toBe(outOfOrder);
  });
});

describe('numbers that did not come by', () => {
  const missing = ({ examiner }: Capture): readonly (number | undefined)[] => {
    const [session] = examiner.sessions;
    return [session?.fromClient.missingNumbers, session?.fromGateway.missingNumbers];
  };

  test('are counted each way, and no more when they come late', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    capture.take(first.fromGateway(1, {}, wins), false);
    for (const pn of [1, 5, 7]) capture.take(first.fromClient(pn, {}, push({ sn: pn, ts: 50 })), true);
    expect(missing(capture)).toEqual([4, 0]);
    capture.take(first.fromClient(3, {}, push({ sn: 3, ts: 51 })), true);
    capture.take(first.fromClient(3, {}, push({ sn: 3, ts: 51 })), true);
    // The answer to a HELLO that came again has a number of the gateway, too.
    capture.take(first.helloAck(2, wins), false);
    capture.take(first.fromGateway(5, {}, wins), false);
    expect(missing(capture)).toEqual([3, 2]);
  });

  test('those before the first are not known; one below it makes it known', () => {
    const capture = withKeys(first);
    for (const pn of [9, 10]) capture.take(first.fromClient(pn, {}, push({ sn: pn, ts: 50 })), true);
    expect(missing(capture)).toEqual([0, 0]);
    capture.take(first.fromClient(6, {}, push({ sn: 6, ts: 50 })), true);
    expect(missing(capture)).toEqual([2, 0]);
    capture.take(first.fromClient(8, {}, push({ sn: 8, ts: 50 })), true);
    expect(missing(capture)).toEqual([1, 0]);
  });

  test('a number that nobody sent counts for little', () => {
    const capture = new Capture();
    for (const pn of [1, 2 ** 47]) capture.take(first.fromClient(pn, { withBlock: true }, wins), true);
    expect(missing(capture)).toEqual([0, 0]);
  });
});

describe('from line to line', () => {
  test.each([
    ['with keys', withKeys(first)],
    ['without', new Capture()],
  ])('%s: UDP, TCP, WebSocket are one session', (_name, capture) => {
    shakeHands(capture, first);
    const tcp = { flow: capture.flow({ address: '192.0.2.7', port: 1 }, 'tcp') };
    const ws = { flow: capture.flow({ address: '192.0.2.7', port: 2 }, 'websocket') };
    const long = { length: 400 };
    capture.take(first.fromClient(1, {}, push({ sn: 1, ts: 50, ...long })), true);
    // A probe moves nothing.
    capture.take(first.fromClient(2, { pathId: 1, withBlock: true }, challenge), true, tcp);
    capture.take(first.fromClient(3, {}, push({ sn: 2, ts: 60, ...long })), true);
    expect(capture.examiner.sessions).toMatchObject([{ lineChangeCount: 0 }]);
    capture.nowMs += 100;
    capture.take(first.fromClient(4, { pathId: 1 }, push({ sn: 1, ts: 90, ...long })), true, tcp);
    capture.take(first.fromClient(5, { pathId: 2 }, push({ sn: 3, ts: 95, ...long })), true, ws);
    const [session, ...others] = capture.examiner.sessions;
    expect(others).toEqual([]);
    expect(session!.carriers).toEqual(['udp', 'tcp', 'websocket']);
    expect(session!.lineChanges.map(({ from, to, packet }) => [from.carrier, to.carrier, packet])).toEqual([
      ['udp', 'tcp', 7],
      ['tcp', 'websocket', 8],
    ]);
    expect(session!.client.port).toBe(2);
    if (session!.unopened === 0) {
      expect(session!.fromClient.retransmissions).toMatchObject({ total: 1, lineChange: 1, timeout: 0 });
    }
    capture.examiner.finish();
    expect(capture.codes()).toEqual([]);
  });

  test('another path over UDP is another line, not a NAT', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    const other = { flow: capture.flow(CLIENT, 'udp', { address: '198.51.100.2', port: 4000 }) };
    capture.take(first.fromClient(1, { pathId: 1 }, push({ sn: 1, ts: 50 })), true, other);
    expect(capture.examiner.sessions[0]!.lineChanges).toMatchObject([{ isRebinding: false, packet: 4 }]);
    expect(capture.examiner.notes).toEqual([]);
  });

  test('the same path from another port is a NAT', () => {
    const capture = withKeys(first);
    shakeHands(capture, first);
    const moved = { flow: capture.flow({ ...CLIENT, port: 61_000 }) };
    capture.take(first.fromClient(1, {}, push({ sn: 1, ts: 50 })), true, moved);
    capture.take(first.fromGateway(1, {}, ack(1, 50, 2)), false, moved);
    // What was under way from the old port changes nothing.
    capture.take(first.fromClient(0, {}, push({ sn: 0, ts: 1 })), true);
    expect(capture.examiner.sessions[0]!.lineChanges).toMatchObject([{ isRebinding: true, packet: 4 }]);
    expect(capture.examiner.notes).toMatchObject([{ code: 'nat_rebinding', severity: 'note', packets: [4] }]);
    expect(capture.examiner.notes[0]!.text).toContain(
      '0x01020304 goes on from 192.0.2.7:61000 instead of 192.0.2.7:50001',
    );
  });
});

describe('logged in, and not encrypted', () => {
  const random = new Uint8Array(16).fill(7);
  const header = { conv: CONV, pn: 0, random, ticket: new Uint8Array(100), withBlock: false };

  function helloClear(...segments: AnySegment[]): Uint8Array {
    const memory = wireMemory(new Uint8Array(2000));
    const bodyAt = writeHelloHeader(memory, 0, { ...header, kind: HandshakeKind.helloClear });
    return Buffer.concat([memory.bytes.subarray(0, bodyAt), datagramOf(...segments)]);
  }

  function helloClearAck(): Uint8Array {
    const memory = wireMemory(new Uint8Array(2000));
    const bodyAt = writeHelloAckHeader(memory, 0, { ...header, kind: HandshakeKind.helloClearAck });
    return Buffer.concat([memory.bytes.subarray(0, bodyAt), datagramOf(wins)]);
  }

  test('moves where its client said HELLO_CLEAR, and nowhere else', () => {
    const capture = new Capture();
    expect(capture.take(helloClear(challenge), true)).toMatchObject({
      kind: 'handshake',
      segmentCount: 1,
      sealedBecause: null,
    });
    capture.take(helloClearAck(), false);
    capture.up(push({ sn: 0, ts: 1 }));
    capture.down(ack(0, 1, 1));
    const ws = { flow: capture.flow({ address: '192.0.2.7', port: 2 }, 'websocket') };
    capture.take(helloClear(challenge), true, ws);
    capture.take(helloClearAck(), false, ws);
    capture.take(datagramOf(push({ sn: 1, ts: 30 })), true, ws);
    // Late, from the line it left.
    capture.up(push({ sn: 0, ts: 1 }));
    const [session, ...others] = capture.examiner.sessions;
    expect(others).toEqual([]);
    expect(session).toMatchObject({
      type: 'login_clear',
      clientToldBy: 'handshake',
      lineChangeCount: 1,
      carriers: ['udp', 'websocket'],
    });
    expect(session!.fromClient).toMatchObject({ pushes: 2, duplicateSegments: 1 });
    expect(capture.examiner.flows[0]!.description).toBe('kcpgate, not encrypted');
  });
});

test('a session that is over by FIN both ways is normal', () => {
  const capture = withKeys(first);
  shakeHands(capture, first);
  const fin = (finalSn: number): AnySegment => ({
    type: 'fin',
    acknowledges: false,
    conv: CONV,
    wnd: 1,
    una: 1,
    finalSn,
    code: 0,
  });
  capture.take(first.fromClient(1, {}, fin(1)), true);
  expect(capture.examiner.sessions[0]!.close).toBeNull();
  capture.take(first.fromGateway(1, {}, fin(0)), false);
  expect(capture.examiner.sessions[0]!.close).toMatchObject({
    code: 1000,
    by: 'both',
    how: 'fin',
    packet: 5,
  });
});
