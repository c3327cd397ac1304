import { describe, expect, test } from 'vitest';
import { SegmentMark } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { ack, Capture, datagramOf, only, push } from './capture.ts';

const { retransmission, spurious, fast, timeout, duplicate, outOfOrder, duplicateAck } = SegmentMark;

/** An opened session: the client has sent sn 0 at ts 0, and it was acknowledged after 20 ms. */
function opened(): Capture {
  const capture = new Capture();
  capture.up(push({ sn: 0, ts: 0 }));
  capture.nowMs += 20;
  capture.down(ack(0, 0, 1));
  return capture;
}

describe('what was sent again', () => {
  test('a first transmission has no marks; its ACK has a round trip', () => {
    const capture = new Capture();
    expect(only(capture.up(push({ sn: 0, ts: 77 }))).marks).toBe(0);
    capture.nowMs += 30;
    const answer = only(capture.down(ack(0, 77, 1)));
    expect(answer).toMatchObject({ marks: 0, roundTripUs: 30_000 });
    expect(only(capture.down(ack(0, 77, 1))).marks).toBe(duplicateAck);
    const { fromClient, fromGateway } = capture.examiner.sessions[0]!;
    expect(fromClient.roundTrip).toMatchObject({ count: 1, minUs: 30_000, maxUs: 30_000 });
    expect(fromGateway).toMatchObject({ acks: 2, duplicateAcks: 1 });
  });

  test('after time, and after later segments were acknowledged', () => {
    const capture = opened();
    for (const sn of [1, 2, 3, 4]) capture.up(push({ sn, ts: 30 + sn }));
    capture.nowMs += 20;
    capture.down(ack(3, 33, 1), ack(4, 34, 1));
    expect(only(capture.up(push({ sn: 1, ts: 60 }))).marks).toBe(retransmission | fast);
    expect(only(capture.up(push({ sn: 2, ts: 61 }))).marks).toBe(retransmission | fast);
    // Nothing that was sent after that one was acknowledged.
    capture.nowMs += 200;
    expect(only(capture.up(push({ sn: 2, ts: 261 }))).marks).toBe(retransmission | timeout);
    const { retransmissions, pushes, payloadBytes } = capture.examiner.sessions[0]!.fromClient;
    expect(retransmissions).toMatchObject({ total: 3, fast: 2, timeout: 1, spurious: 0, ofUnseen: 0 });
    expect([pushes, payloadBytes]).toEqual([8, 50]);
  });

  test('the same bytes twice were sent once; other bytes in the same millisecond were not', () => {
    const capture = opened();
    capture.up(push({ sn: 1, ts: 40 }));
    expect(only(capture.up(push({ sn: 1, ts: 40 }))).marks).toBe(duplicate);
    expect(only(capture.up(push({ sn: 1, ts: 40, una: 5 }))).marks).toBe(retransmission | timeout);
    capture.up(push({ sn: 1, ts: 90 }));
    // The network brings the first one once more, late.
    expect(only(capture.up(push({ sn: 1, ts: 40 }))).marks).toBe(duplicate);
    const { retransmissions, duplicateSegments, duplicatePackets } = capture.examiner.sessions[0]!.fromClient;
    expect([retransmissions.total, duplicateSegments, duplicatePackets]).toEqual([2, 2, 2]);
  });

  test('overtaken on the way, and lost before the capture, are told apart by ts', () => {
    const capture = opened();
    capture.up(push({ sn: 3, ts: 40 }));
    expect(only(capture.up(push({ sn: 1, ts: 40 }))).marks).toBe(outOfOrder);
    expect(only(capture.up(push({ sn: 2, ts: 95 }))).marks).toBe(retransmission | timeout);
    const { retransmissions, reorderedSegments, maxReorderDepth } = capture.examiner.sessions[0]!.fromClient;
    expect(retransmissions).toMatchObject({ total: 1, ofUnseen: 1 });
    expect([reorderedSegments, maxReorderDepth]).toEqual([1, 2]);
  });

  test('an original that its own repetition overtook is none', () => {
    const capture = opened();
    capture.up(push({ sn: 200, ts: 40 }));
    expect(only(capture.up(push({ sn: 8, ts: 95 }))).marks).toBe(retransmission | timeout);
    expect(only(capture.up(push({ sn: 8, ts: 70 }))).marks).toBe(retransmission | timeout);
    expect(only(capture.up(push({ sn: 8, ts: 10 }))).marks).toBe(outOfOrder);
    expect(only(capture.up(push({ sn: 8, ts: 10 }))).marks).toBe(duplicate);
    expect(only(capture.up(push({ sn: 8, ts: 9 }))).marks).toBe(retransmission | timeout);
    const { retransmissions, reorderedSegments } = capture.examiner.sessions[0]!.fromClient;
    expect(retransmissions).toMatchObject({ total: 3, ofUnseen: 1 });
    expect(reorderedSegments).toBe(1);
  });

  test('lost before the capture is told by ts also where nothing near it was captured', () => {
    const capture = opened();
    capture.up(push({ sn: 200, ts: 40 }));
    expect(only(capture.up(push({ sn: 8, ts: 41 }))).marks).toBe(retransmission | timeout);
    // What stands near it was sent again as well.
    expect(only(capture.up(push({ sn: 7, ts: 41 }))).marks).toBe(retransmission | timeout);
    expect(only(capture.up(push({ sn: 150, ts: 39 }))).marks).toBe(outOfOrder);
    const { retransmissions, reorderedSegments } = capture.examiner.sessions[0]!.fromClient;
    expect(retransmissions).toMatchObject({ total: 2, ofUnseen: 2 });
    expect(reorderedSegments).toBe(1);
  });

  test.each([
    ['sn', 0xffff_fffe, 500],
    ['ts', 4, 0xffff_fff0],
    ['both', 0xffff_ffff, 0xffff_fffd],
  ])('%s wraps', (_name, sn, ts) => {
    const capture = new Capture();
    for (let i = 0; i < 6; i++) {
      expect(only(capture.up(push({ sn: sn + i, ts: ts + 8 * i }))).marks).toBe(0);
      capture.nowMs += 8;
    }
    capture.down(ack(sn, ts, sn + 1), ack(sn + 5, (ts + 40) >>> 0, sn + 1));
    expect(only(capture.up(push({ sn: sn + 2, ts: ts + 60 }))).marks).toBe(retransmission | fast);
    capture.down(ack(sn + 2, (ts + 60) >>> 0, sn + 6));
    expect(only(capture.up(push({ sn: sn + 3, ts: ts + 70 }))).marks).toBe(retransmission | spurious | fast);
    expect(capture.examiner.sessions).toHaveLength(1);
  });
});

describe('what was not needed', () => {
  test('acknowledged before it was sent again', () => {
    const capture = opened();
    capture.up(push({ sn: 1, ts: 40 }));
    capture.down(ack(1, 40, 2));
    const again = capture.up(push({ sn: 1, ts: 300 }));
    expect(only(again).marks).toBe(retransmission | spurious | timeout);
    expect(capture.spurious).toEqual([
      { session: 0, isFromClient: true, packet: 5, sn: 1, evidence: 'acknowledged_before', shownBy: 4 },
    ]);
  });

  test('the ts of the earlier transmission comes back', () => {
    const capture = opened();
    for (const ts of [40, 140, 340]) capture.up(push({ sn: 1, ts }));
    // Of three the second arrived: only the third was not needed.
    capture.nowMs += 100;
    capture.down(ack(1, 140, 2));
    expect(capture.spurious).toMatchObject([{ packet: 5, evidence: 'echoed_ts', shownBy: 6 }]);
    capture.down(ack(1, 340, 2));
    expect(capture.spurious).toHaveLength(1);
    expect(capture.examiner.sessions[0]!.fromClient.retransmissions).toMatchObject({ total: 2, spurious: 1 });
  });

  test('acknowledged sooner than any answer comes', () => {
    const capture = opened();
    for (let sn = 1; sn < 10; sn++) {
      capture.up(push({ sn, ts: 100 * sn }));
      capture.nowMs += 20;
      capture.down(ack(sn, 100 * sn, sn + 1));
      capture.nowMs += 80;
    }
    capture.up(push({ sn: 10, ts: 1000 }));
    capture.nowMs += 25;
    capture.up(push({ sn: 10, ts: 1025 }));
    capture.nowMs += 2;
    capture.down({ type: 'windowTell', conv: 0x01020304, wnd: 128, ts: 0, sn: 0, una: 11 });
    // One that had time enough to be what arrived is believed.
    capture.up(push({ sn: 11, ts: 2000 }));
    capture.up(push({ sn: 11, ts: 2100 }));
    capture.nowMs += 20;
    capture.down({ type: 'windowTell', conv: 0x01020304, wnd: 128, ts: 0, sn: 0, una: 12 });
    expect(capture.spurious).toEqual([]);
    capture.examiner.finish();
    expect(capture.spurious).toMatchObject([{ packet: 22, evidence: 'acknowledged_too_soon' }]);
    capture.examiner.finish();
    expect(capture.spurious).toHaveLength(1);
  });

  test('the smallest round trip of the whole capture counts, not of its beginning', () => {
    const capture = new Capture();
    for (let sn = 0; sn < 9; sn++) capture.up(push({ sn, ts: 0 }));
    capture.up(push({ sn: 9, ts: 0 }));
    capture.nowMs += 300;
    capture.up(push({ sn: 9, ts: 300 }));
    capture.nowMs += 25;
    // The peer slept: its first answers take 325 ms.
    for (let sn = 0; sn < 9; sn++) capture.down(ack(sn, 0, sn + 1));
    capture.down({ type: 'windowTell', conv: 0x01020304, wnd: 128, ts: 0, sn: 0, una: 10 });
    capture.up(push({ sn: 10, ts: 400 }));
    capture.nowMs += 20;
    capture.down(ack(10, 400, 11));
    capture.examiner.finish();
    expect(capture.spurious).toEqual([]);
  });

  test('a retransmission that was needed is not blamed', () => {
    const capture = opened();
    capture.up(push({ sn: 1, ts: 40 }));
    capture.up(push({ sn: 1, ts: 140 }));
    capture.nowMs += 25;
    capture.down(ack(1, 140, 2));
    capture.examiner.finish();
    expect(capture.spurious).toEqual([]);
    expect(capture.examiner.notes).toEqual([]);
  });
});

test('thousands in flight, and everything twice', () => {
  const capture = new Capture();
  const count = 5000;
  for (let sn = 0; sn < count; sn++) {
    capture.nowMs += 0.01;
    capture.up(push({ sn, ts: 1000 + (sn >> 4) }));
  }
  expect(capture.examiner.sessions[0]!.fromClient.retransmissions.total).toBe(0);
  for (let sn = 0; sn < count; sn++) capture.up(push({ sn, ts: 9000 + (sn >> 4) }));
  capture.down(ack(count - 1, 9000 + ((count - 1) >> 4), count));
  const { retransmissions, pushes } = capture.examiner.sessions[0]!.fromClient;
  expect([retransmissions.total, retransmissions.spurious, pushes]).toEqual([count, 0, 2 * count]);
});

test('segments of one datagram each have their marks', () => {
  const capture = opened();
  capture.up(push({ sn: 1, ts: 40 }), push({ sn: 2, ts: 40 }));
  const { segments, segmentCount } = capture.take(
    datagramOf(push({ sn: 2, ts: 90 }), push({ sn: 3, ts: 90 })),
    true,
  );
  expect(segmentCount).toBe(2);
  expect(segments.slice(0, 2).map(({ marks }) => marks)).toEqual([retransmission | timeout, 0]);
});
