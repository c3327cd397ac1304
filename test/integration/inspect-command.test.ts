import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { kcptunKey } from '../../tools/kcpgate/inspect/examine/kcp-go-key.ts';
import { Examiner } from '../../tools/kcpgate/inspect/examine/examiner.ts';
import type { ExpertNoteCode } from '../../tools/kcpgate/inspect/examined.ts';
import { FILTER_FIELDS, FILTER_FLAGS } from '../../tools/kcpgate/inspect/filter/fields.ts';
import { parseFilter } from '../../tools/kcpgate/inspect/filter/parse-filter.ts';
import { chooseViews } from '../../tools/kcpgate/inspect/views/choose-views.ts';
import { MARK_TABLE } from '../../tools/kcpgate/inspect/views/mark-table.ts';
import { paletteFor } from '../../tools/kcpgate/inspect/views/palette.ts';
import { Pipeline } from '../../tools/kcpgate/inspect/views/pipeline.ts';
import { TextOutput } from '../../tools/kcpgate/inspect/views/text-output.ts';
import type { ViewOptions } from '../../tools/kcpgate/inspect/views/view-options.ts';
import type { View } from '../../tools/kcpgate/inspect/views/view.ts';
import { ack, BuiltCapture, push, SMALL_CONV, smallCapture } from '../support/built-capture.ts';
import { inspect } from '../support/inspect-run.ts';
import { buildIfStale } from '../support/kcpgate-command.ts';
import { mutateCapture } from '../support/mutate-capture.ts';

const CAPTURES = 'test/vectors/captures';
const EXAMPLE = 'docs/inspector-example.pcapng';
const DOCUMENT = readFileSync('docs/inspector.md', 'utf8');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-inspect-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file for this test. @returns its path. */
function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('the document', () => {
  test('its capture is the one that is built', () => {
    expect(Buffer.from(smallCapture().bytes()).equals(readFileSync(EXAMPLE))).toBe(true);
  });

  const screens = [...DOCUMENT.matchAll(/^```text\n\$ kcpgate inspect (.*)\n([^]*?)\n```$/gmu)];

  test.each(screens.map(([, line, screen]) => [line!, screen!]))(
    'shows what comes of %s',
    async (line, screen) => {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/gu)].map(([, quoted, word]) => quoted ?? word!);
      const { output, code, warnings } = await inspect(words);
      expect(output.replaceAll(/ +$/gmu, '').trimEnd()).toBe(screen);
      expect({ code, warnings }).toEqual({ code: 0, warnings: [] });
    },
  );

  test('shows every view', () => {
    expect(screens.length).toBeGreaterThanOrEqual(6);
  });

  /** The names in the first column of the table under a heading cell. */
  function rowsBelow(heading: string, column = 0): string[] {
    const table = new RegExp(`^\\| ${heading} [^]*?\\n\\n`, 'mu').exec(DOCUMENT)?.[0] ?? '';
    return table
      .split('\n')
      .slice(2)
      .map((row) => /^`([^`]*)`$/u.exec(row.split('|')[column + 1]?.trim() ?? '')?.[1])
      .filter((name) => name !== undefined);
  }

  test('has every field, flag and mark of filters', () => {
    expect(rowsBelow('field ').toSorted()).toEqual([...FILTER_FIELDS.keys()].toSorted());
    const marks = MARK_TABLE.map(({ name }) => name);
    expect(rowsBelow('in lines', 1)).toEqual(marks);
    expect(rowsBelow('in lines').map((words) => words.slice(1, -1))).toEqual(
      MARK_TABLE.map(({ words }) => words),
    );
    expect(rowsBelow('flag').toSorted()).toEqual(
      [...FILTER_FLAGS.keys()].filter((name) => !marks.includes(name)).toSorted(),
    );
  });

  test('has every note', () => {
    const codes: Readonly<Record<ExpertNoteCode, true>> = {
      spurious_retransmission: true,
      zero_window_stall: true,
      una_beyond_sent: true,
      message_larger_than_window: true,
      nat_rebinding: true,
      reset_storm: true,
      proxy_header_missing: true,
      mtu_black_hole: true,
      one_way_silence: true,
    };
    expect(rowsBelow('note ').toSorted()).toEqual(Object.keys(codes).toSorted());
  });

  test('has every field of JSON', async () => {
    const { output } = await inspect([EXAMPLE, '--json']);
    const objects = linesOf(output);
    const keys = (type: string): string[] =>
      Object.keys(objects.find((object) => object.type === type) ?? {});
    const common = rowsBelow('field of every datagram');
    const ofSegment = rowsBelow('field of a segment');
    const optional = ['comment', 'units'];
    expect([...common, ...ofSegment, 'type'].filter((name) => !optional.includes(name)).toSorted()).toEqual(
      keys('segment').toSorted(),
    );
    expect([...common, 'type'].filter((name) => name !== 'comment').toSorted()).toEqual(
      keys('datagram').toSorted(),
    );
    const found = linesOf((await inspect([EXAMPLE, '--json', '--stats'])).output);
    expect(found.map(({ type }) => type)).toEqual(['capture', 'flow', 'session', 'note']);
    expect(found[0]).toMatchObject({ packets: 17, datagrams: 17, lostPackets: 0, startUs: 1767323045000000 });
    expect([...rowsBelow('field of a `note`'), 'type'].toSorted()).toEqual(Object.keys(found[3]!).toSorted());
  });
});

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('a command line', () => {
  test('follows one side byte for byte, and tells what is missing', async () => {
    const { bytes, warnings } = await inspect([EXAMPLE, '--follow', '0x01020304', '--direction', 'client']);
    expect(bytes.toString()).toBe('hello one two three four end');
    expect(warnings).toEqual([]);
    const gap = fileOf(
      'gap.pcapng',
      new BuiltCapture()
        .add(0, 'client', push(9, 0, 'a\u001b'))
        .add(1, 'client', push(9, 2, 'c'))
        .add(2, 'gateway', ack(9, 2, 3))
        .bytes(),
    );
    const followed = await inspect([gap, '--follow-session', '0', '--direction', 'client']);
    expect(followed.output).toBe('a\u001bc');
    expect(followed.warnings).toEqual(['packet 3, 0.002000 s: of the client, sn 1 is not in the capture']);
    const onTerminal = await inspect([gap, '--follow', '9', '--direction', 'client'], { isTerminal: true });
    expect(onTerminal.output).toBe('a\\x1bc\n');
    const none = await inspect([gap, '--follow', '10']);
    expect(none).toMatchObject({
      code: 0,
      output: '',
      warnings: ['no session of the capture has that conv'],
    });
  });

  test('writes what it filtered, which can be read again', async () => {
    const file = join(folder, 'written.pcapng');
    const written = await inspect([EXAMPLE, '--write', file, '--filter', 'conv == 0x01020304']);
    expect(written).toMatchObject({ code: 0, output: '', warnings: [`${file}: 16 datagrams`] });
    const again = await inspect([file, '--json']);
    const strip = (object: Record<string, unknown>): Record<string, unknown> => ({ ...object, packet: 0 });
    const wanted = linesOf((await inspect([EXAMPLE, '--json', '--filter', 'conv == 0x01020304'])).output);
    expect(linesOf(again.output).map(strip)).toEqual(wanted.map(strip));
  });

  test.runIf(existsSync('/dev/full'))('tells when what it makes cannot be written', async () => {
    await expect(inspect([EXAMPLE, '--write', '/dev/full'])).rejects.toThrow(/^\/dev\/full: ENOSPC/u);
  });

  test('reads several files as one', async () => {
    const whole = smallCapture();
    const first = fileOf('first.pcapng', new BuiltCapture().add(0, 'client', push(7, 0, 'x')).bytes());
    const second = fileOf('second.pcapng', new BuiltCapture().add(40, 'gateway', ack(7, 0, 1)).bytes());
    const { output } = await inspect([first, second]);
    expect(output).toMatch(
      /^ {4}1 .*PUSH.*\n {4}2 .*10\.0\.0\.1:4000 > 10.*ACK.*\(round trip 40\.0 ms\)\n$/u,
    );
    expect(whole.bytes().length).toBeGreaterThan(0);
  });

  test('stops where it is told to', async () => {
    const { output } = await inspect([EXAMPLE, '--limit', '4', '--filter', 'push']);
    expect(output.trim().split('\n')).toHaveLength(4);
    // In the middle of the second datagram.
    expect((await inspect([EXAMPLE, '--limit', '2'])).output.trim().split('\n')).toHaveLength(2);
    expect((await inspect([EXAMPLE, '--limit', '1', '--count'])).output).toBe('1 segment in 1 datagram\n');
  });

  test('draws', async () => {
    const file = join(folder, 'drawn.svg');
    expect(await inspect([EXAMPLE, '--timeline', file, '--count'])).toMatchObject({
      code: 0,
      output: '18 segments in 17 datagrams\n',
    });
    const svg = readFileSync(file, 'utf8');
    expect(svg).toContain('6 segments, 2 sent again (1 overtaken, 1 timed out)');
    expect(svg).toContain('>kicked by the gateway<');
  });

  test('draws a PNG of the same', async () => {
    const file = join(folder, 'drawn.png');
    expect(await inspect([EXAMPLE, '--timeline', file, '--count'])).toMatchObject({ code: 0 });
    const png = readFileSync(file);
    expect(png.subarray(0, 8).toString('latin1')).toBe('\u0089PNG\r\n\u001a\n');
    // Width and height of its header: two pixels for one.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2000, 840]);
    // Empty paper of this size takes a few KiB.
    expect(png.length).toBeGreaterThan(20_000);
  });

  test('reads hex text', async () => {
    const hex = '040302015100000400000000070000000000000003000000616263';
    expect((await inspect(['--hex', hex])).output).toContain(
      '0x01020304 PUSH frg=0 wnd=1024 ts=0 sn=7 una=0 len=3',
    );
  });

  test('passes on what comes to a port, and shows it', async () => {
    const server = createSocket('udp4');
    server.on('message', (datagram, from) => server.send(datagram, from.port, from.address));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const client = createSocket('udp4');
    const stop = new AbortController();
    const datagram = Buffer.from('0403020151008000e8030000000000000000000003000000616263', 'hex');
    // What comes back has gone through the relay twice: then all is seen.
    client.on('message', () => stop.abort());
    try {
      const { output, code } = await inspect(
        ['--listen', '127.0.0.1:0', '--to', `127.0.0.1:${String(server.address().port)}`],
        {
          stopSignal: () => stop.signal,
          warn: (text) => {
            const port = /^passing on from 127\.0\.0\.1:(\d+) to/u.exec(text)?.[1];
            if (port !== undefined) client.send(datagram, Number(port), '127.0.0.1');
          },
        },
      );
      expect(code).toBe(0);
      expect(output.match(/PUSH frg=0 wnd=128 ts=1000 sn=0 una=0 len=3/gu)).toHaveLength(2);
    } finally {
      client.close();
      server.close();
    }
  });

  test('judges: damage is 1, notes are when asked for', async () => {
    const cut = fileOf('cut.pcapng', smallCapture().bytes().subarray(0, 900));
    const damaged = await inspect([cut, '--count']);
    expect(damaged).toMatchObject({ code: 1, warnings: [expect.stringContaining('(capture_cut_off)')] });
    expect(damaged.output).not.toBe('');
    expect(await inspect([fileOf('text.pcap', Buffer.from('no capture at all'))])).toMatchObject({ code: 1 });
    expect(await inspect([EXAMPLE, '--notes', '--fail-on', 'warning'])).toMatchObject({ code: 1 });
    expect(await inspect([EXAMPLE, '--notes', '--fail-on', 'error'])).toMatchObject({ code: 0 });
  });

  test('tells that packets were not captured, when the capture does', async () => {
    // Statistics of interface 0, as dumpcap writes them at the end: 7 were dropped.
    const statistics = Buffer.from(
      '05000000' +
        '24000000' +
        '00000000' +
        '0000000000000000' +
        '05000800' +
        '0700000000000000' +
        '24000000',
      'hex',
    );
    const file = fileOf('lossy.pcapng', Buffer.concat([smallCapture().bytes(), statistics]));
    const { code, output, warnings } = await inspect([file, file, '--stats']);
    expect(code).toBe(0);
    expect(output).toMatch(/^ {2}14 packets not captured, because there were too many$/m);
    expect(warnings).toEqual([expect.stringMatching(/^14 packets not captured/)]);
  });

  test.each([
    [
      [EXAMPLE, '--filter', 'cnv == 1'],
      '--filter, column 1: there is no field or flag "cnv"; did you mean "conv"?\n  cnv',
    ],
    [[EXAMPLE, '--tree', '--stats'], '--stats and --tree do not go together'],
    [[EXAMPLE, '--json', '--tree'], '--json and --tree do not go together'],
    [[EXAMPLE, '--timeline', 'x.gif'], 'x.gif: a timeline is SVG or PNG'],
    [[EXAMPLE, '--write', './docs/../docs/inspector-example.pcapng'], 'is read: it cannot be written'],
    [[EXAMPLE, '--direction', 'client'], '--direction goes with --follow'],
    [[EXAMPLE, '--conv', '1'], '--conv goes with --timeline'],
    [[EXAMPLE, '--follow', '1', '--filter', 'push'], '--filter and --follow do not go together'],
    [[EXAMPLE, '--follow', 'x'], 'A conv is a number of 32 bits'],
    [[EXAMPLE, '--kcp-go-crypt', 'twofish'], 'twofish of kcp-go cannot be opened here'],
    [[EXAMPLE, '--kcp-go-crypt', 'aes'], '--kcp-go-crypt aes needs a key'],
    [[EXAMPLE, '--kcp-go-crypt', 'aes', '--kcp-go-key', 'secret'], 'a key is 16 to 32 bytes in hexadecimal'],
    [[EXAMPLE, '--kcptun-key', 'x'], 'a key needs its method'],
    [[EXAMPLE, '--key-log', 'nowhere.log'], 'nowhere.log: no such file'],
    [[EXAMPLE, '--interface', 'lo'], 'give one source'],
    [['--listen', '4000'], '--listen and --to go together'],
    [['nowhere.pcap'], 'nowhere.pcap: no such file'],
    [['docs'], 'docs: is a directory'],
    [[], 'name a capture file'],
  ])('refuses %j', async (line, message) => {
    await expect(inspect(line)).rejects.toThrow(message);
  });

  test('has colours on terminals, unless they are not wanted', async () => {
    const isColoured = async (line: string[], isTerminal: boolean, environment = {}): Promise<boolean> =>
      (await inspect([EXAMPLE, ...line], { isTerminal, environment })).output.includes('\u001b[');
    expect(await isColoured([], true)).toBe(true);
    expect(await isColoured([], false)).toBe(false);
    expect(await isColoured(['--stats'], true, { NO_COLOR: '1' })).toBe(false);
    expect(await isColoured(['--color', 'always'], false)).toBe(true);
  });
});

describe('real captures', () => {
  // The pass phrase is kcptun's own, spelled so.
  const names = readdirSync(CAPTURES).filter((name) => name.endsWith('.pcapng'));
  const keys = [
    '--key-log',
    join(CAPTURES, 'keys.txt'),
    '--kcp-go-crypt',
    'aes-128',
    '--kcptun-key',
    "it's a secrect",
  ];

  test.each(names)('of %s lines show the segments that JSON has', async (name) => {
    const file = join(CAPTURES, name);
    const [lines, json] = await Promise.all([inspect([file, ...keys]), inspect([file, ...keys, '--json'])]);
    expect([lines.code, json.code]).toEqual([0, 0]);
    const shown = [...lines.output.matchAll(/^ *(\d+) .* 0x([\da-f]{8}) ([A-Z_]+)(?:_\d+)? /gmu)]
      .map(([, packet, conv, word]) => `${packet!} ${conv!} ${word!}`)
      .filter((line) => !/ (HELLO|SEALED|FEC)[A-Z_]*$/u.test(line));
    const segments = linesOf(json.output).filter(({ type }) => type === 'segment');
    expect(shown).toEqual(
      segments.map(({ packet, conv, name: word }) => {
        const digits = (conv as number).toString(16).padStart(8, '0');
        return `${String(packet)} ${digits} ${(word as string | null) ?? 'UNKNOWN'}`;
      }),
    );
    if (name !== 'vectors.pcapng') expect(segments.length).toBeGreaterThan(3);
  });

  test('keys can come from a file or a variable', async () => {
    const line = [join(CAPTURES, 'kcp-go-aes.pcapng'), '--count', '--kcp-go-crypt', 'aes-128'];
    const phrase = "it's a secrect";
    const key = Buffer.from(kcptunKey(phrase).subarray(0, 16)).toString('hex');
    const opened = { output: '18 segments in 18 datagrams\n' };
    const file = fileOf('phrase.txt', Buffer.from(`${phrase}\n`));
    expect(await inspect([...line, '--kcptun-key-file', file])).toMatchObject(opened);
    expect(await inspect([...line, '--kcp-go-key', key])).toMatchObject(opened);
    expect(await inspect(line, { environment: { KCPTUN_KEY: phrase } })).toMatchObject(opened);
    expect(await inspect(line, { environment: { KCP_GO_KEY: key } })).toMatchObject(opened);
    const wrong = await inspect(line, { environment: { KCP_GO_KEY: '00'.repeat(16) } });
    expect(wrong.output).toBe('0 segments in 18 datagrams\n');
  });

  test('sealed ones can be followed', async () => {
    const { output, warnings } = await inspect([
      join(CAPTURES, 'sealed.pcapng'),
      ...keys,
      ...['--follow-session', '0', '--direction', 'client'],
    ]);
    expect(warnings).toEqual([]);
    expect(output.length).toBeGreaterThan(1000);
  });
});

describe('the program', () => {
  beforeAll(() => buildIfStale(), 180_000);

  test('reads a file, and standard input as it comes', async () => {
    const [file, pipe] = await Promise.all([
      run([EXAMPLE], []),
      run(['-'], [readFileSync(EXAMPLE).subarray(0, 700), readFileSync(EXAMPLE).subarray(700)]),
    ]);
    expect(file).toMatchObject({ code: 0, errors: '' });
    expect(file.output.split('\n')).toHaveLength(20);
    expect(pipe).toEqual(file);
  });

  test('reads hex text from standard input; wrong options end with 2', async () => {
    const [hex, wrong] = await Promise.all([
      run(['--hex'], [Buffer.from('04030201 52 00 8000 e8030000 00000000 01000000 00000000\n')]),
      run([EXAMPLE, '--nonsense'], []),
    ]);
    expect(hex.output).toContain('0x01020304 ACK wnd=128 ts=1000 sn=0 una=1 len=0');
    expect(wrong).toMatchObject({ code: 2, output: '' });
    expect(wrong.errors).toContain("unknown option '--nonsense'");
  });

  test('ends quietly when nobody reads any more, however much there is to show', async () => {
    const large = new BuiltCapture();
    for (let sn = 0; sn < 60_000; sn++) large.add(sn, 'client', push(SMALL_CONV, sn, 'x'));
    const { code, errors, output } = await run([fileOf('large.pcapng', large.bytes())], [], 1);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output.length).toBeLessThan(1_000_000);
  });
});

/** Runs the built program. @param pieces standard input. @param readPieces after so many its output is closed. */
function run(
  commandLine: readonly string[],
  pieces: readonly Uint8Array[],
  readPieces = Infinity,
): Promise<{ code: number | null; output: string; errors: string }> {
  const program = fileURLToPath(new URL('../../dist/tools/kcpgate/main.js', import.meta.url));
  const child = spawn(process.execPath, [program, 'inspect', ...commandLine], { stdio: 'pipe' });
  let [output, errors, seen] = ['', '', 0];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (++seen === readPieces) child.stdout.destroy();
  });
  child.stdin.on('error', () => undefined);
  for (const piece of pieces) child.stdin.write(piece);
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output, errors });
    });
  });
}

const RUNS = Number(process.env.KCPGATE_CAPTURE_MUTATIONS ?? 10_000);
const SEED = Number(process.env.KCPGATE_SEED ?? 20_261_127);

test(`${RUNS} damaged captures go through the views (seed ${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  let datagrams = 0;
  for (let i = 0; i < RUNS; i++) {
    const capture = i % 2 === 0 ? mutateCapture(random, SAMPLE) : damagedInside(random);
    try {
      datagrams += await show(capture, VIEWS[i % VIEWS.length]!);
    } catch (error) {
      throw new Error(`run ${i}: ${Buffer.from(capture).toString('hex')}`, { cause: error });
    }
  }
  expect(datagrams).toBeGreaterThan(RUNS);
}, 120_000);

/** Short, so that many can be damaged: data, sent again, answered, a window that closes, a kick. */
const SAMPLE = new BuiltCapture()
  .add(0, 'client', push(SMALL_CONV, 0, 'hello '), push(SMALL_CONV, 1, 'you'))
  .add(30, 'gateway', ack(SMALL_CONV, 0, 1), push(SMALL_CONV, 0, 'HELLO', { una: 1 }))
  .add(250, 'client', push(SMALL_CONV, 1, 'you', { ts: 250 }))
  .add(280, 'gateway', ack(SMALL_CONV, 1, 2, { ts: 250, wnd: 0 }))
  .addBytes(
    300,
    'client',
    Uint8Array.from({ length: 40 }, (_, index) => (index * 37 + 200) & 0xff),
  )
  .add(400, 'gateway', {
    type: 'kick',
    conv: SMALL_CONV,
    wnd: 0,
    una: 2,
    code: 3500,
    retryAfterMs: 0,
    reason: 'bye',
  })
  .bytes();

/** A capture that is whole, of damaged datagrams. */
function damagedInside(random: SeededRandom): Uint8Array {
  const capture = new BuiltCapture();
  new CaptureReader({
    sink: ({ timeUs, isFromA, bytes, offset, length }) => {
      const datagram = bytes.subarray(offset, offset + length);
      const damaged = random.nextFloat() < 0.3 ? mutateCapture(random, datagram) : datagram;
      capture.addBytes(timeUs / 1000 - START_MS, isFromA ? 'client' : 'gateway', damaged);
    },
  }).push(SAMPLE);
  return capture.bytes();
}

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** Shows a capture in some ways. @returns datagrams found. */
async function show(capture: Uint8Array, ways: readonly Partial<ViewOptions>[]): Promise<number> {
  const output = new TextOutput(() => true);
  const places = {
    output,
    palette: paletteFor('always', false, {}),
    isTerminal: false,
    columns: 80,
    warn: () => undefined,
    openFile: () => () => true,
  };
  const views = await Promise.all(ways.map((options) => chooseViews({ ...NO_VIEW, ...options }, places)));
  return showIn(capture, views.flat());
}

function showIn(capture: Uint8Array, views: readonly View[]): number {
  const examiner = new Examiner({
    onSpurious: (spurious) => {
      for (const view of views) view.onSpurious?.(spurious);
    },
  });
  const pipeline = new Pipeline({ examiner, views, filter: ANYTHING });
  const reader = new CaptureReader({ sink: pipeline.take });
  reader.push(capture);
  reader.finish();
  examiner.finish();
  const { sessions, flows, notes, counters: left } = examiner;
  const findings = { capture: reader.counters, sessions, flows, notes, left, startUs: pipeline.startUs };
  for (const view of views) view.finish?.(findings);
  return reader.counters.datagrams;
}

/** True for all, but has to look at everything. */
const ANYTHING = parseFilter('sn >= 0 || problem || pn >= 0 || src == 10.0.0.0/8 || !copy');

const NO_VIEW: ViewOptions = {
  tree: false,
  hexDump: false,
  stats: false,
  notes: false,
  json: false,
  count: false,
  time: 'relative',
  bytes: false,
  color: 'auto',
};

/** All of them, a few at a time. */
const VIEWS: readonly (readonly Partial<ViewOptions>[])[] = [
  [{ bytes: true }, { stats: true }],
  [{ tree: true, hexDump: true }, { notes: true }],
  [{ json: true }, { json: true, stats: true }, { count: true }],
  [{ follow: SMALL_CONV }, { timeline: 'x.svg', write: 'x.pcapng' }],
];
