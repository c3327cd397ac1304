import { describe, expect, test } from 'vitest';
import { writeProxyV2 } from '../../../../../../src/wire/proxy-v2.ts';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { writeSealedHeader } from '../../../../../../src/wire/sealed-header.ts';
import type { AnySegment } from '../../../../../../src/wire/any-segment.ts';
import type { ExpertNote } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { ack, Capture, CLIENT, CONV, datagramOf, push, type PushFields } from './capture.ts';

const windowTell = (wnd: number, una: number): AnySegment => ({
  type: 'windowTell',
  conv: CONV,
  wnd,
  ts: 0,
  sn: 0,
  una,
});

/** The client sends data, and after 20 ms each is acknowledged. */
function exchange(capture: Capture, fields: PushFields, wnd = 128): void {
  capture.up(push(fields));
  capture.nowMs += 20;
  capture.down(ack(fields.sn, fields.ts, fields.sn + 1, wnd));
}

/** The only note of a capture that has ended. */
function onlyNote(capture: Capture): ExpertNote {
  capture.examiner.finish();
  expect(capture.examiner.notes).toHaveLength(1);
  const [note] = capture.examiner.notes;
  expect(note!.text).not.toMatch(/NaN|undefined|Infinity/);
  return note!;
}

function expectQuiet(capture: Capture): void {
  capture.examiner.finish();
  expect(capture.examiner.notes).toEqual([]);
}

describe('spurious retransmission', () => {
  function sendAgain(times: number, of: number): Capture {
    const capture = new Capture();
    for (let sn = 0; sn < of; sn++) {
      exchange(capture, { sn, ts: 100 * sn });
      if (sn < times) capture.up(push({ sn, ts: 100 * sn + 50 }));
      capture.nowMs += 80;
    }
    return capture;
  }

  test('is told when it is more than a few of many, with its packets', () => {
    const note = onlyNote(sendAgain(6, 100));
    expect(note).toMatchObject({ code: 'spurious_retransmission', severity: 'warning', session: 0 });
    expect(note.packets).toEqual([3, 6, 9, 12, 15, 18]);
    expect(note.text).toMatch(
      /^6 of 6 retransmissions of the client \(5\.7 % of its segments\) were not needed/,
    );
  });

  test('is not for a few', () => {
    expectQuiet(sendAgain(4, 100));
    expectQuiet(sendAgain(6, 400));
  });

  test('is not for retransmissions of what was lost', () => {
    const capture = new Capture();
    for (let sn = 0; sn < 50; sn++) {
      capture.up(push({ sn, ts: 1000 * sn }));
      capture.nowMs += 200;
      exchange(capture, { sn, ts: 1000 * sn + 200 });
    }
    expect(capture.examiner.sessions[0]!.fromClient.retransmissions).toMatchObject({
      total: 50,
      spurious: 0,
    });
    expectQuiet(capture);
  });
});

describe('zero window', () => {
  function stall(ms: number): Capture {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 });
    exchange(capture, { sn: 1, ts: 20 }, 0);
    capture.nowMs += ms;
    capture.down(windowTell(64, 2));
    exchange(capture, { sn: 2, ts: 3000 });
    return capture;
  }

  test('of some seconds is a stall', () => {
    const capture = stall(2500);
    expect(onlyNote(capture)).toMatchObject({ code: 'zero_window_stall', packets: [4, 5] });
    expect(capture.examiner.notes[0]!.text).toContain('was 0 for 2.50 s');
    expect(capture.examiner.sessions[0]!.fromGateway.window).toMatchObject({
      min: 0,
      max: 128,
      last: 128,
      zeroUs: 2_500_000,
      zeroCount: 1,
    });
  });

  test('of less is how a receiver slows down', () => {
    expectQuiet(stall(300));
  });

  test('that lasts to the end is one, too', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 }, 0);
    for (let i = 0; i < 4; i++) {
      capture.nowMs += 1000;
      capture.up({ type: 'windowAsk', conv: CONV, wnd: 128, ts: 0, sn: 0, una: 0 });
      capture.down(windowTell(0, 1));
    }
    expect(onlyNote(capture)).toMatchObject({ code: 'zero_window_stall', severity: 'warning' });
  });

  test('that a late datagram tells does not count', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 }, 64);
    exchange(capture, { sn: 1, ts: 20 }, 64);
    capture.down(ack(0, 0, 1, 0));
    capture.nowMs += 5000;
    expect(capture.examiner.sessions[0]!.fromGateway.window).toMatchObject({ zeroCount: 0, last: 64 });
    expectQuiet(capture);
  });
});

describe('una beyond what was sent', () => {
  test('is told when the sender goes on where it stood', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 });
    capture.down(ack(0, 0, 40));
    exchange(capture, { sn: 1, ts: 60 });
    const note = onlyNote(capture);
    expect(note).toMatchObject({ code: 'una_beyond_sent', severity: 'error', packets: [3] });
    expect(note.text).toContain(
      'everything below 40 in packet 3, but the client had sent only what is below 1',
    );
  });

  test('is not when the capture missed what was acknowledged', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 });
    capture.down(ack(4, 33, 5));
    exchange(capture, { sn: 5, ts: 60 });
    expectQuiet(capture);
  });

  test('is not when the beginning was not captured', () => {
    const capture = new Capture();
    capture.up(push({ sn: 100, ts: 0 }));
    capture.down(ack(150, 0, 151));
    capture.up(push({ sn: 101, ts: 9 }));
    expectQuiet(capture);
  });
});

describe('a message larger than the window', () => {
  test('can never be complete', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 }, 32);
    capture.up(push({ sn: 1, ts: 20, frg: 32, length: 1000 }), push({ sn: 2, ts: 20, frg: 31 }));
    const note = onlyNote(capture);
    expect(note).toMatchObject({ code: 'message_larger_than_window', packets: [3] });
    expect(note.text).toContain('a message of 33 segments at sn 1, but the gateway takes 32');
  });

  test('one that just fits is fine', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 }, 32);
    for (let frg = 31, sn = 1; frg >= 0; frg--, sn++) exchange(capture, { sn, ts: 20 * sn, frg }, 32);
    expect(capture.examiner.sessions[0]!.fromClient).toMatchObject({ messages: 2, fragments: 32 });
    expectQuiet(capture);
  });

  test('is not judged by a window that was never seen at its largest', () => {
    const capture = new Capture();
    capture.up(push({ sn: 70, ts: 0 }));
    capture.down(ack(70, 0, 71, 5));
    for (let frg = 20, sn = 71; frg >= 0; frg--, sn++) exchange(capture, { sn, ts: 20 * sn, frg }, 5 + frg);
    expectQuiet(capture);
  });
});

describe('a large datagram that never arrives', () => {
  function black(largeArrives: boolean): Capture {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0, length: 100 });
    if (largeArrives) exchange(capture, { sn: 1, ts: 20, length: 1376 });
    const first = largeArrives ? 2 : 1;
    for (let again = 0; again < 5; again++) {
      capture.nowMs += 300;
      capture.up(push({ sn: first, ts: 300 * (again + 1), length: 1376 }));
      capture.up(push({ sn: first + 1, ts: 300 * (again + 1), length: 1376 }));
      const small = first + 2 + again;
      capture.up(push({ sn: small, ts: 300 * (again + 1), length: 40 }));
      capture.nowMs += 20;
      capture.down(ack(small, 300 * (again + 1), first));
    }
    return capture;
  }

  test('while small ones do is a black hole', () => {
    const note = onlyNote(black(false));
    expect(note).toMatchObject({ code: 'mtu_black_hole', severity: 'error' });
    expect(note.packets).toHaveLength(4);
    expect(note.text).toContain('of 1400 bytes was sent 4 times by the client');
    expect(note.text).toContain('up to 124 bytes got through');
  });

  test('is bad luck when one as large did arrive', () => {
    expectQuiet(black(true));
  });

  test('is a dead path when nothing is answered', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0, length: 100 });
    for (let again = 0; again < 8; again++) {
      capture.nowMs += 300;
      capture.up(push({ sn: 1, ts: 300 * (again + 1), length: 1376 }));
    }
    expectQuiet(capture);
  });
});

describe('silence of one side', () => {
  test('while the other keeps sending', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 });
    for (let i = 1; i < 12; i++) {
      capture.nowMs += 1000;
      capture.up(push({ sn: 1, ts: 1000 * i }));
    }
    const note = onlyNote(capture);
    expect(note).toMatchObject({ code: 'one_way_silence', severity: 'warning', packets: [3, 2, 8] });
  });

  test('is none when nothing was asked, or the session has ended', () => {
    const capture = new Capture();
    exchange(capture, { sn: 0, ts: 0 });
    for (let i = 1; i < 12; i++) {
      capture.nowMs += 1000;
      capture.up({ type: 'datagram', conv: CONV, wnd: 128, una: 0, counter: i, payload: new Uint8Array(5) });
    }
    capture.down({ type: 'kick', conv: CONV, wnd: 0, una: 1, code: 3001, retryAfterMs: 0, reason: 'bye' });
    for (let i = 1; i < 12; i++) {
      capture.nowMs += 1000;
      capture.up(push({ sn: 1, ts: 20_000 + 1000 * i }));
    }
    expect(capture.examiner.sessions[0]!.close).toMatchObject({
      code: 3001,
      by: 'gateway',
      how: 'kick',
      reason: 'bye',
    });
    expectQuiet(capture);
  });

  test('is none when the capture has one direction only', () => {
    const capture = new Capture();
    for (let sn = 0; sn < 40; sn++) {
      capture.nowMs += 1000;
      capture.up(push({ sn, ts: 1000 * sn }));
    }
    expectQuiet(capture);
  });
});

describe('RESETs', () => {
  const reset = (conv: number): AnySegment => ({ type: 'reset', conv, token: new Uint8Array(16) });
  const sealed = (pn: number, conv = CONV): Uint8Array => {
    const bytes = new Uint8Array(100);
    writeSealedHeader(wireMemory(bytes).view, 0, conv, 0, pn, false);
    return bytes;
  };

  test('that are not believed are a storm', () => {
    const capture = new Capture();
    for (let pn = 0; pn < 12; pn++) {
      capture.take(sealed(pn), true);
      capture.down(reset(CONV));
      capture.nowMs += 200;
    }
    const note = onlyNote(capture);
    expect(note).toMatchObject({ code: 'reset_storm', session: 0, packets: [2, 4, 6, 8, 10, 12] });
  });

  test('of two that are believed are none', () => {
    const capture = new Capture();
    for (let conv = 1; conv < 30; conv++) {
      capture.take(sealed(7, conv), true);
      capture.down(reset(conv));
      capture.nowMs += 100;
      capture.down(reset(conv));
    }
    expect(capture.examiner.sessions[0]!.close).toMatchObject({ code: 3004, how: 'reset' });
    expectQuiet(capture);
  });
});

describe('another address', () => {
  const moved = { ...CLIENT, port: 61_000 };

  test('of a session without login ends it', () => {
    const capture = new Capture();
    for (let sn = 0; sn < 5; sn++) exchange(capture, { sn, ts: 20 * sn });
    capture.take(datagramOf(push({ sn: 5, ts: 200, una: 1 })), true, { flow: capture.flow(moved) });
    const note = onlyNote(capture);
    expect(note).toMatchObject({ code: 'nat_rebinding', severity: 'warning', session: 0, packets: [11, 10] });
    expect(note.text).toContain('from 192.0.2.7:61000 instead of 192.0.2.7:50001');
  });

  test('with the same conv at quite other numbers is another client', () => {
    const capture = new Capture();
    for (let sn = 0; sn < 5; sn++) exchange(capture, { sn, ts: 20 * sn });
    const far = push({ sn: 7000, ts: 200, una: 1 });
    capture.take(datagramOf(far), true, { flow: capture.flow(moved) });
    expectQuiet(capture);
  });

  test('with a session of its own is another client', () => {
    const capture = new Capture();
    for (let sn = 0; sn < 5; sn++) exchange(capture, { sn, ts: 20 * sn });
    capture.take(datagramOf(push({ sn: 0, ts: 200 })), true, { flow: capture.flow(moved) });
    expectQuiet(capture);
  });
});

describe('a PROXY header', () => {
  const from = (client: string): Uint8Array => {
    const memory = wireMemory(new Uint8Array(64));
    const length = writeProxyV2(memory, 0, {
      source: { address: client, family: 4, port: 999 },
      destination: { address: '198.51.100.1', family: 4, port: 4000 },
      transport: 'datagram',
    });
    return memory.bytes.slice(0, length);
  };
  const nginx = (port: number): { address: string; port: number } => ({ address: '10.0.0.1', port });
  const opening = (conv: number): Uint8Array => datagramOf(push({ sn: 0, ts: 1, conv }));

  function withFirst(): Capture {
    const capture = new Capture();
    const flow = capture.flow(nginx(1001));
    capture.take(Buffer.concat([from('203.0.113.1'), opening(1)]), true, { flow });
    capture.take(datagramOf(push({ sn: 1, ts: 2, conv: 1 })), true, { flow });
    return capture;
  }

  test('that is missing where others of the proxy have one', () => {
    const capture = withFirst();
    capture.take(opening(2), true, { flow: capture.flow(nginx(1002)) });
    const note = onlyNote(capture);
    expect(note).toMatchObject({
      code: 'proxy_header_missing',
      severity: 'error',
      packets: [3, 1],
      session: 1,
    });
  });

  test('is not missing where it came once, on flows that are older than the capture, and without proxy', () => {
    const capture = withFirst();
    const older = datagramOf(push({ sn: 70, ts: 9, una: 5, conv: 3 }));
    capture.take(older, true, { flow: capture.flow(nginx(1003)) });
    capture.take(opening(4), true, { flow: capture.flow({ address: '192.0.2.99', port: 7 }) });
    expectQuiet(capture);
  });
});

test('notes of one kind are bounded, and counted', () => {
  const capture = new Capture({ limits: { maxNotes: 3 } });
  exchange(capture, { sn: 0, ts: 0 });
  for (let i = 0; i < 20; i++) {
    exchange(capture, { sn: 1 + i, ts: 100 + i }, 0);
    capture.nowMs += 2000;
    capture.down(windowTell(64, 2 + i));
  }
  expect(capture.examiner.notes).toHaveLength(3);
  expect(capture.examiner.counters.suppressedNotes).toBe(17);
});
