import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { writeSealedHeader } from '../../../../../../src/wire/sealed-header.ts';
import { newCaptureCounters } from '../../../../../../tools/kcpgate/inspect/capture/capture-counters.ts';
import type { ExaminedDatagram, ExpertNote } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { SegmentMark } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { CountView } from '../../../../../../tools/kcpgate/inspect/views/count-view.ts';
import { JsonView } from '../../../../../../tools/kcpgate/inspect/views/json-view.ts';
import { LineView } from '../../../../../../tools/kcpgate/inspect/views/line-view.ts';
import { NotesView } from '../../../../../../tools/kcpgate/inspect/views/notes-view.ts';
import { type Palette, paletteFor } from '../../../../../../tools/kcpgate/inspect/views/palette.ts';
import { Examiner } from '../../../../../../tools/kcpgate/inspect/examine/examiner.ts';
import { StatsView } from '../../../../../../tools/kcpgate/inspect/views/stats-view.ts';
import { TreeView } from '../../../../../../tools/kcpgate/inspect/views/tree-view.ts';
import type { View } from '../../../../../../tools/kcpgate/inspect/views/view.ts';
import { collected, FLOW, handMade, NOTHING_LEFT, PUSH, START_US, subjectOf } from './hand-made.ts';

const PLAIN = paletteFor('never', true, {});

/** Three datagrams of a session: data, the same again with an answer, and one that nothing opens. */
function threeDatagrams(): ExaminedDatagram[] {
  const first = handMade([PUSH], { packet: 1 });
  const again = handMade(
    [PUSH, { type: 'kick', conv: PUSH.conv, wnd: 0, una: 8, code: 3500, retryAfterMs: 2000, reason: 'bye' }],
    {
      packet: 3,
      afterUs: 231_250,
      fromClient: false,
      segments: [
        {
          marks: SegmentMark.retransmission | SegmentMark.timeout | SegmentMark.spurious,
          roundTripUs: 31_250,
        },
        { marks: SegmentMark.zeroWindow },
      ],
    },
  );
  const sealed = handMade([], { packet: 4, afterUs: 1_000_001, session: -1 });
  const bytes = new Uint8Array(60);
  writeSealedHeader(wireMemory(bytes).view, 0, PUSH.conv, 3, 9, false);
  Object.assign(sealed, { kind: 'sealed', clear: null, sealedBecause: 'no_key', conv: PUSH.conv });
  Object.assign(sealed.found, { bytes, length: 60, missingBytes: 4 });
  return [first, again, sealed];
}

function shown(
  make: (output: ReturnType<typeof collected>['output']) => View,
  datagrams = threeDatagrams(),
): string {
  const { output, text } = collected();
  const view = make(output);
  for (const datagram of datagrams)
    view.show(subjectOf(datagram), datagram.segments.slice(0, datagram.segmentCount));
  view.finish?.({
    capture: newCaptureCounters(),
    flows: [],
    sessions: [],
    notes: [NOTE],
    left: NOTHING_LEFT,
    startUs: START_US,
  });
  return text();
}

const NOTE: ExpertNote = {
  code: 'zero_window_stall',
  severity: 'warning',
  session: 0,
  packets: [3, 4],
  text: 'The gateway advertised a window of 0 for 2.5 s while the client had data. Its application does not read fast enough.',
};

describe('lines', () => {
  test('have packet, time, ends, carrier, segment, facts and marks', () => {
    const lines = shown((output) => new LineView(output, PLAIN, { time: 'relative', withBytes: false }));
    expect(lines).toBe(
      [
        '    1   0.000000  10.0.0.2:51000 > 10.0.0.1:4000  udp  0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3',
        '    3   0.231250  10.0.0.1:4000 > 10.0.0.2:51000  udp  0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3' +
          '  (round trip 31.3 ms)  [retransmission, timeout, spurious]',
        '    3   0.231250  10.0.0.1:4000 > 10.0.0.2:51000  udp  0x01020304 KICK retryAfter=2000ms code=3500(kicked) len=3' +
          ' reason="bye"  [zero window]',
        '    4   1.000001  10.0.0.2:51000 > 10.0.0.1:4000  udp  0x01020304 SEALED pathId=3 pn=9' +
          '  (60 bytes, no key, 4 bytes not captured)',
        '',
      ].join('\n'),
    );
  });

  test('can have dates, distances, and the beginnings of bytes', () => {
    const absolute = shown((output) => new LineView(output, PLAIN, { time: 'absolute', withBytes: true }));
    expect(absolute).toContain('    3 2026-01-02 03:04:05.231250  10.0.0.1');
    expect(absolute).toContain(' len=3 payload=616263  (round');
    const delta = shown((output) => new LineView(output, PLAIN, { time: 'delta', withBytes: false }));
    expect(delta).toContain('    4   0.768751  ');
  });

  test('tell what is wrong below', () => {
    const damaged = handMade([PUSH, { ...PUSH, conv: 9 }]);
    const lines = shown(
      (output) => new LineView(output, PLAIN, { time: 'relative', withBytes: false }),
      [damaged],
    );
    expect(lines).toContain(
      '\n                  ! conv_mismatch at 27: conv is not the 0x01020304 of the first segment\n',
    );
  });

  test('a comment of the capture stands in the first line of its datagram', () => {
    const commented = handMade([PUSH, PUSH]);
    commented.found.comment = 'up delivered: late\u001b[31m';
    const lines = shown(
      (output) => new LineView(output, PLAIN, { time: 'relative', withBytes: false }),
      [commented],
    );
    expect(lines).toMatch(/^.* len=3 {2}# up delivered: late\?\[31m\n.* len=3\n$/u);
    commented.found.comment = 'x'.repeat(5000);
    const long = shown(
      (output) => new LineView(output, PLAIN, { time: 'relative', withBytes: false }),
      [commented],
    );
    expect(long.length).toBeLessThan(600);
  });

  test('a datagram that is nothing known has one, too', () => {
    const opaque = handMade([PUSH], { more: { kind: 'opaque', clear: null, segmentCount: 0, session: -1 } });
    opaque.found.timeUs = 0;
    const lines = shown(
      (output) => new LineView(output, PLAIN, { time: 'relative', withBytes: false }),
      [opaque],
    );
    expect(lines).toBe(
      '    1          -  10.0.0.2:51000 > 10.0.0.1:4000  udp  opaque 27 bytes  (not this protocol, or encrypted by kcp-go)\n',
    );
  });
});

describe('trees', () => {
  test('have every field with its place, marks, and bytes on request', () => {
    const [, again] = threeDatagrams();
    const tree = shown(
      (output) => new TreeView(output, PLAIN, { time: 'relative', tree: true, hexDump: true }),
      [again!],
    );
    expect(tree).toBe(
      [
        '#3  0.231250  10.0.0.1:4000 > 10.0.0.2:51000  udp, session 0, from the gateway',
        '  clear datagram, 54 bytes',
        '    PUSH at 0, 27 bytes',
        '          0 +4     conv            0x01020304',
        '          4 +1     cmd             PUSH',
        '          5 +1     frg             0',
        '          6 +2     wnd             1024',
        '          8 +4     ts              1234',
        '         12 +4     sn              7',
        '         16 +4     una             5',
        '         20 +4     len             3',
        '         24 +3     payload         616263',
        '    KICK at 27, 27 bytes',
        '         27 +4     conv            0x01020304',
        '         31 +1     cmd             KICK',
        '         32 +1     frg             0 (unused)',
        '         33 +2     wnd             0 (unused)',
        '         35 +4     retryAfter      2000ms',
        '         39 +4     code            3500(kicked)',
        '         43 +4     una             8 (unused)',
        '         47 +4     len             3',
        '         51 +3     reason          "bye"',
        '  PUSH at 0: [retransmission, timeout, spurious] round trip 31.3 ms',
        '  KICK at 27: [zero window]',
        '  0000  04 03 02 01 51 00 00 04  d2 04 00 00 07 00 00 00  ....Q...........',
        '  0010  05 00 00 00 03 00 00 00  61 62 63 04 03 02 01 55  ........abc....U',
        '  0020  00 00 00 d0 07 00 00 ac  0d 00 00 08 00 00 00 03  ................',
        '  0030  00 00 00 62 79 65                                 ...bye',
        '',
      ].join('\n'),
    );
  });

  test('have what was decrypted beside what was captured', () => {
    const [, , sealed] = threeDatagrams();
    const inside = handMade([PUSH]);
    const opened = { ...inside, kind: 'sealed' as const, found: sealed!.found };
    const tree = shown(
      (output) => new TreeView(output, PLAIN, { time: 'relative', tree: true, hexDump: true }),
      [opened],
    );
    expect(tree).toMatch(
      /sealed datagram, 60 bytes\n {4}SEALED at 0[^]*decrypted: clear datagram, 27 bytes\n {4}PUSH at 0/,
    );
    expect(tree).toMatch(/\n {2}decrypted:\n {2}0000 {2}04 03 02 01 51/);
    const line = shown(
      (output) => new LineView(output, PLAIN, { time: 'relative', withBytes: false }),
      [opened],
    );
    expect(line).toContain(
      '0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3  (sealed pn=9 path=3, 4 bytes not captured)',
    );
  });
});

test('JSON has one object a line', () => {
  const text = shown((output) => new JsonView(output, { segments: true, reports: true, notes: true }));
  const objects = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(objects.map(({ type }) => type)).toEqual([
    'segment',
    'segment',
    'segment',
    'datagram',
    'capture',
    'note',
  ]);
  expect(objects[1]).toEqual({
    type: 'segment',
    packet: 3,
    timeUs: START_US + 231_250,
    carrier: 'udp',
    flow: 0,
    src: FLOW.b,
    dst: FLOW.a,
    kind: 'clear',
    bytes: 54,
    missingBytes: 0,
    session: 0,
    direction: 'gateway',
    pn: null,
    pathId: null,
    copy: false,
    decrypted: false,
    sealedBecause: null,
    conv: PUSH.conv,
    problems: [],
    cmd: 81,
    name: 'PUSH',
    frg: 0,
    wnd: 1024,
    ts: 1234,
    sn: 7,
    una: 5,
    len: 3,
    marks: ['retransmission', 'timeout', 'spurious'],
    roundTripUs: 31_250,
    meaning: {},
    payload: '616263',
  });
  expect(objects[2]).toMatchObject({
    name: 'KICK',
    meaning: { retryAfter: 2000, code: 3500, reason: 'bye' },
  });
  expect(objects[3]).toMatchObject({
    kind: 'sealed',
    pn: 9,
    pathId: 3,
    sealedBecause: 'no_key',
    session: null,
  });
  expect(objects[4]).toMatchObject({ packets: 0, lostPackets: 0, forgottenFlows: 0 });
  expect(objects[5]).toEqual({ type: 'note', ...NOTE });
});

test('notes are broken into lines', () => {
  expect(shown((output) => new NotesView(output, PLAIN, 80))).toBe(
    [
      'warning  zero_window_stall  session 0  packets 3, 4',
      '         The gateway advertised a window of 0 for 2.5 s while the client had',
      '         data. Its application does not read fast enough.',
      '',
    ].join('\n'),
  );
});

test('counts', () => {
  expect(shown((output) => new CountView(output))).toBe('3 segments in 3 datagrams\n');
});

describe('colours', () => {
  const render = (palette: Palette): string =>
    shown((output) => new LineView(output, palette, { time: 'relative', withBytes: false }));

  test.each([
    ['auto', true, {}, true],
    ['auto', false, {}, false],
    ['auto', true, { NO_COLOR: '1' }, false],
    ['auto', true, { NO_COLOR: '' }, true],
    ['auto', true, { TERM: 'dumb' }, false],
    ['always', false, { NO_COLOR: '1' }, true],
    ['never', true, {}, false],
  ] as const)('%s, terminal: %s, %j', (choice, isTerminal, environment, hasColours) => {
    expect(render(paletteFor(choice, isTerminal, environment)).includes('\u001b[')).toBe(hasColours);
  });

  test('without them the text is the same', () => {
    const coloured = render(paletteFor('always', true, {}));
    expect(stripVTControlCharacters(coloured)).toBe(render(PLAIN));
  });
});

test('statistics of a flood of flows stop where nobody reads on', () => {
  const examiner = new Examiner({});
  for (let index = 0; index < 1200; index++) {
    const { found } = handMade([{ ...PUSH, sn: 0, una: 0, conv: 1 + index }], { packet: index + 1 });
    found.flow = { ...FLOW, index, a: { ...FLOW.a, port: 1 + index } };
    examiner.examine(found);
  }
  const { output, text } = collected();
  const { flows, sessions, notes } = examiner;
  const capture = newCaptureCounters();
  new StatsView(output, PLAIN, 100).finish({
    capture,
    flows,
    sessions,
    notes,
    left: NOTHING_LEFT,
    startUs: START_US,
  });
  output.flush();
  expect(text()).toContain('1200 flows, 1200 sessions');
  expect(text().match(/^Session \d+/gmu)).toHaveLength(1000);
  expect(text().match(/and 200 more; --filter chooses/gu)).toHaveLength(2);
});
