import { describe, expect, test } from 'vitest';
import type { AnySegment } from '../../../../../../src/wire/any-segment.ts';
import { SegmentMark } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { ack, Capture, CONV, datagramOf, only, push } from './capture.ts';
import { SealedSeries } from './sealed-series.ts';

const kick: AnySegment = {
  type: 'kick',
  conv: CONV,
  wnd: 0,
  una: 1,
  code: 3501,
  retryAfterMs: 0,
  reason: 'who are you?',
};

describe('a session without login', () => {
  test('after its end, first data begins another; what is late does not', () => {
    const capture = new Capture();
    capture.up(push({ sn: 0, ts: 1 }));
    capture.down(ack(0, 1, 1));
    capture.down(kick);
    expect(only(capture.up(push({ sn: 0, ts: 1 }))).marks).toBe(SegmentMark.duplicate);
    expect(capture.up(push({ sn: 0, ts: 400 }))).toMatchObject({ session: 1 });
    expect(capture.down(ack(0, 400, 1))).toMatchObject({ session: 1, isFromClient: false });
    expect(capture.examiner.sessions).toMatchObject([
      {
        close: { code: 3501, by: 'gateway', how: 'kick', reason: 'who are you?', packet: 3 },
        fromClient: { pushes: 1 },
      },
      { close: null, fromClient: { pushes: 1 } },
    ]);
  });

  test('that a KICK turned away goes on until the client can have heard it', () => {
    const capture = new Capture();
    const opening = (ts: number): AnySegment => push({ sn: 0, ts, type: 'new', length: 0 });
    capture.up(opening(1));
    capture.nowMs += 180;
    capture.down({ ...kick, una: 0 });
    capture.nowMs += 6;
    const again = capture.up(opening(187));
    expect(again).toMatchObject({ session: 0 });
    expect(only(again).marks & SegmentMark.retransmission).not.toBe(0);
    capture.nowMs += 1000;
    expect(capture.up(opening(1187))).toMatchObject({ session: 1 });
  });

  test('whose end was not captured is another one after a long silence only', () => {
    const capture = new Capture();
    capture.up(push({ sn: 0, ts: 1 }));
    capture.down(ack(0, 1, 1));
    capture.nowMs += 2000;
    expect(capture.up(push({ sn: 0, ts: 2001 }))).toMatchObject({ session: 0 });
    capture.nowMs += 60_000;
    expect(capture.up(push({ sn: 0, ts: 62_001 }))).toMatchObject({ session: 1 });
  });

  test('is told by flow and conv', () => {
    const capture = new Capture();
    capture.up(push({ sn: 0, ts: 1 }));
    capture.up(push({ sn: 0, ts: 1, conv: 5 }));
    const other = { flow: capture.flow({ address: '192.0.2.9', port: 1 }) };
    capture.take(datagramOf(push({ sn: 0, ts: 1 })), true, other);
    expect(capture.examiner.sessions.map(({ conv, flows }) => [conv, flows[0]!.index])).toEqual([
      [CONV, 0],
      [5, 0],
      [CONV, 1],
    ]);
  });
});

describe('who the client is', () => {
  test('whoever opens, though the other one was heard first', () => {
    const capture = new Capture();
    capture.up(ack(3, 1, 4, 128, 9));
    expect(capture.down(push({ sn: 0, ts: 1 }))).toMatchObject({ isFromClient: true });
    expect(capture.examiner.sessions[1]).toMatchObject({ clientToldBy: 'opening', client: { port: 4000 } });
  });

  test('a command tells it later, and what was counted changes sides', () => {
    const capture = new Capture();
    capture.up(push({ sn: 8, ts: 1, una: 3 }));
    capture.down(ack(8, 1, 9));
    expect(capture.examiner.sessions[0]).toMatchObject({
      clientToldBy: 'first_sender',
      fromClient: { pushes: 1 },
    });
    capture.up(kick);
    expect(capture.examiner.sessions[0]).toMatchObject({
      clientToldBy: 'command',
      fromClient: { pushes: 0, acks: 1 },
      fromGateway: { pushes: 1 },
      close: { by: 'gateway' },
    });
  });

  test('NEW is only sent by clients', () => {
    const capture = new Capture();
    capture.up(push({ sn: 0, ts: 1, type: 'new', length: 0 }));
    expect(capture.examiner.sessions[0]).toMatchObject({
      type: 'marked',
      clientToldBy: 'command',
      beginningSeen: true,
    });
    expect(capture.examiner.flows[0]!.description).toBe('kcpgate, not encrypted');
  });
});

test('PROBEs are outside of sessions', () => {
  const capture = new Capture();
  const probe: AnySegment = {
    type: 'probe',
    conv: 0,
    index: 0,
    nonce: 1,
    ts: 0,
    number: 0,
    paddingBytes: 40,
  };
  expect(capture.up(probe)).toMatchObject({ kind: 'clear', session: -1, segmentCount: 1 });
  expect(capture.examiner.sessions).toEqual([]);
  expect(capture.examiner.flows[0]).toMatchObject({ probes: 1 });
});

test('a PROXY header at the beginning of a connection names the client of a sealed session', () => {
  const capture = new Capture();
  const tcp = { flow: capture.flow({ address: '10.0.0.1', port: 77 }, 'tcp') };
  capture.take(Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.1 40001 4000\r\n'), true, {
    ...tcp,
    isProxyHeader: true,
  });
  capture.take(new SealedSeries('proxied').hello(0), true, tcp);
  expect(capture.examiner.sessions[0]).toMatchObject({
    realClient: { address: '203.0.113.9', port: 40_001 },
    client: { port: 77 },
  });
  expect(capture.examiner.flows[0]).toMatchObject({ proxyHeaders: 'proxy', proxyHeaderCount: 1 });
});

test('without analysis there are counts, and no marks', () => {
  const capture = new Capture({ analysis: false });
  capture.up(push({ sn: 0, ts: 1 }));
  expect(only(capture.up(push({ sn: 0, ts: 100 }))).marks).toBe(0);
  expect(only(capture.down(ack(0, 1, 40, 0))).marks).toBe(0);
  capture.examiner.finish();
  expect(capture.examiner.sessions[0]!.fromClient).toMatchObject({
    pushes: 2,
    packets: 2,
    retransmissions: { total: 0 },
  });
  expect(capture.examiner.notes).toEqual([]);
});
