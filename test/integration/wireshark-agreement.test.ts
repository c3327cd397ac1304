import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { Examiner } from '../../tools/kcpgate/inspect/examine/examiner.ts';
import { parseKeyLog } from '../../tools/kcpgate/inspect/key-log.ts';
import { BuiltCapture, push } from '../support/built-capture.ts';
import { makeCorpus, PARTS, type Corpus } from '../support/captures/corpus.ts';
import { damagedCapture } from '../support/captures/damaged.ts';
import { addExpected, normalIp, type ExpectedFields } from '../support/captures/expected-fields.ts';
import { dissectorFields, tsharkFields, type PacketFields } from '../support/captures/tshark.ts';
import { peer } from '../support/peers.ts';

/*
 * Two readers that share no code, the inspector and the dissector for Wireshark, over the same captures of real traffic: they
 * have to say the same of every field of every packet. KCPGATE_SEED chooses what happens on the lines.
 */

const SEED = Number(process.env.KCPGATE_SEED ?? 1);

/** What the inspector says, by packet. */
interface Inspected {
  readonly packets: ReadonlyMap<number, ExpectedFields>;
  readonly segments: number;
  /** UDP packets that were several datagrams, glued together. */
  readonly glued: ReadonlySet<number>;
  readonly counts: Readonly<Record<string, number>>;
}

function inspect(corpus: Pick<Corpus, 'captureFile' | 'keyLogFile'>): Inspected {
  const packets = new Map<number, ExpectedFields>();
  const counts: Record<string, number> = {};
  let segments = 0;
  let streamHeaders = 0;
  let before = 0;
  const glued = new Set<number>();
  const examiner = new Examiner({ keyLog: parseKeyLog(readFileSync(corpus.keyLogFile, 'utf8')) });
  const reader = new CaptureReader({
    sink: (found) => {
      const datagram = examiner.examine(found);
      if (found.flow.carrier === 'udp' && found.packet === before) glued.add(found.packet);
      before = found.packet;
      // The inspector tells it with the first frame, as it may belong to anything before.
      const packet = found.isProxyHeader ? --streamHeaders : found.packet;
      const fields = packets.get(packet) ?? new Map<string, string[]>();
      packets.set(packet, fields);
      addExpected(fields, datagram);
      segments += datagram.segmentCount;
      counts[datagram.kind] = (counts[datagram.kind] ?? 0) + 1;
    },
  });
  reader.push(readFileSync(corpus.captureFile));
  reader.finish();
  return { packets, segments, counts, glued };
}

/** Moves headers at the beginning of connections to numbers below 0, in order, as {@link inspect} has them. */
function withStreamHeaders(dissected: Map<number, PacketFields>): Map<number, PacketFields> {
  let count = 0;
  for (const [packet, fields] of [...dissected]) {
    if (!fields.has(STREAM) || fields.get('kcpgate.kind')?.join() !== 'proxy_header') continue;
    dissected.delete(packet);
    dissected.set(--count, fields);
  }
  return dissected;
}

const STREAM = 'tcp.stream';

/** Every field that one of the two knows. */
function fieldNames(inspected: Inspected, dissected: readonly string[]): string[] {
  const names = new Set(dissected);
  for (const fields of inspected.packets.values()) for (const name of fields.keys()) names.add(name);
  return [...names].sort();
}

/** As text: values in order, or sorted where the order has no meaning. */
function written(name: string, values: readonly string[] = []): string {
  // Anything can be the beginning of a header: who says so when is a matter of taste.
  if (name === 'kcpgate.problem')
    return values
      .filter((code) => code !== 'proxy_incomplete')
      .sort()
      .join(' ');
  if (name === 'kcpgate.address.ip') return values.map(normalIp).join(' ');
  // What is no text is not written alike.
  return values.map((value) => (value.includes('\uFFFD') ? '(no text)' : value)).join(' ');
}

/**
 * Whether times are the same but for a microsecond. The dissector may have more: the inspector forgets what was acknowledged a
 * while ago.
 */
function areClose(ours: readonly string[] = [], theirs: readonly string[] = []): boolean {
  let next = 0;
  for (const time of theirs) {
    if (next < ours.length && Math.abs(Number(time) - Number(ours[next])) < 1.5e-6) next++;
  }
  return next === ours.length;
}

const ROUND_TRIP = 'kcpgate.rtt';

function differences(
  inspected: Inspected,
  dissected: ReadonlyMap<number, PacketFields>,
  names: readonly string[],
): { readonly found: string[]; readonly compared: number } {
  const found: string[] = [];
  let compared = 0;
  for (const packet of new Set([...inspected.packets.keys(), ...dissected.keys()])) {
    const ours = inspected.packets.get(packet);
    const theirs = dissected.get(packet);
    for (const name of names) {
      if (name === ROUND_TRIP && areClose(ours?.get(name), theirs?.get(name))) continue;
      const [one, other] = [written(name, ours?.get(name)), written(name, theirs?.get(name))];
      compared += Math.max(ours?.get(name)?.length ?? 0, theirs?.get(name)?.length ?? 0);
      if (one !== other)
        found.push(`packet ${String(packet)} ${name}: inspector "${one}", dissector "${other}"`);
    }
  }
  return { found, compared };
}

/** Fields of the dissector that say how it shows things, or what only it knows. */
const ONLY_THEIRS = new Set(
  ['session', 'from_client', 'analysis.first_frame', 'analysis.acks_frame', 'frame.length'].map(
    (name) => `kcpgate.${name}`,
  ),
);

/** Where gateways of the corpus listen; what comes there is shown also when it cannot be read. */
const PORTS = ['kcpgate.udp_ports:4000', 'kcpgate.tcp_ports:4001'];

/**
 * Fields that say how something stands to what came before: where that is damaged, each is right in its way. And texts: what
 * is no text is written differently.
 */
const isLoose = (name: string): boolean => name.startsWith('kcpgate.analysis.') || LOOSE.has(name);

const LOOSE = new Set(
  ['rtt', 'sealed_because', 'reason', 'drain.lines', 'proxy.rest'].map((name) => `kcpgate.${name}`),
);

/** Compares both over one capture, and says what they agreed on. @returns what they do not agree on. */
async function compare(
  title: string,
  corpus: Pick<Corpus, 'captureFile' | 'keyLogFile'>,
  isLeftOut: (name: string) => boolean = () => false,
): Promise<{ readonly found: readonly string[]; readonly inspected: Inspected }> {
  const inspected = inspect(corpus);
  const names = fieldNames(inspected, dissectorFields()).filter(
    (name) => !ONLY_THEIRS.has(name) && !isLeftOut(name),
  );
  const options = { keyLogFile: corpus.keyLogFile, preferences: PORTS };
  const dissected = await tsharkFields(corpus.captureFile, [STREAM, ...names], options);
  const packets = dissected.size;
  const { found, compared } = differences(inspected, withStreamHeaders(dissected), names);
  console.log(
    `${title}, seed ${String(SEED)}: ${String(packets)} packets, ${String(inspected.segments)} segments, ` +
      `${String(compared)} values of ${String(names.length)} fields, ${String(found.length)} differences`,
    inspected.counts,
  );
  return { found, inspected };
}

peer('tshark', 'kcp-go').describe('the dissector for Wireshark and the inspector', () => {
  test('agree on every field of every packet', { timeout: 120_000 }, async () => {
    const corpus = await makeCorpus(SEED);
    const { found, inspected } = await compare('real traffic', corpus);
    // What they differ on can be looked at.
    if (found.length > 0) console.log(`kept: ${corpus.captureFile} ${corpus.keyLogFile}`);
    else corpus.remove();
    expect(found.slice(0, 50)).toEqual([]);
    expect(found).toHaveLength(0);
    // Of what is sent there is always as much; a busy machine makes fewer packets of it.
    expect(inspected.segments).toBeGreaterThan(10_000);
    expect(corpus.packets).toBeGreaterThan(5_000);
    for (const kind of KINDS) expect(inspected.counts[kind]).toBeGreaterThan(10);
    expect(inspected.glued.size).toBeGreaterThan(30);
  });
});

peer('tshark').describe('the dissector for Wireshark and the inspector', () => {
  test('agree on what was sent before the capture saw it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-unseen-'));
    const corpus = { captureFile: join(folder, 'unseen.pcapng'), keyLogFile: join(folder, 'keys.txt') };
    const capture = new BuiltCapture();
    // Numbers and times: the highest first, then repetitions far from it, one with its original late, and one overtaken.
    const sent = [
      [0, 0],
      [200, 40],
      [8, 95],
      [8, 70],
      [8, 10],
      [8, 10],
      [8, 9],
      [9, 95],
      [150, 39],
    ] as const;
    for (const [i, [sn, ts]] of sent.entries())
      capture.add(i, 'client', push(0x01020304, sn, 'data', { ts }));
    writeFileSync(corpus.captureFile, capture.bytes());
    writeFileSync(corpus.keyLogFile, '');
    const { found, inspected } = await compare('not seen before', corpus);
    rmSync(folder, { recursive: true });
    expect(found).toEqual([]);
    const packetsWith = (mark: string): number[] =>
      [...inspected.packets].filter(([, fields]) => fields.has(`kcpgate.analysis.${mark}`)).map(([n]) => n);
    expect(packetsWith('retransmission')).toEqual([3, 4, 7, 8]);
    expect(packetsWith('out_of_order')).toEqual([5, 9]);
    expect(packetsWith('duplicate')).toEqual([6]);
  });

  test('agree on damaged datagrams', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-damaged-'));
    const captureFile = join(folder, 'damaged.pcapng');
    const files = Object.keys(PARTS).map((name) => join(VECTORS, `${name}.pcapng`));
    writeFileSync(captureFile, damagedCapture(files, DAMAGED, new SeededRandom(SEED)));
    const corpus = { captureFile, keyLogFile: join(VECTORS, 'keys.txt') };
    const { found: all, inspected } = await compare('damaged datagrams', corpus, isLoose);
    expect(inspected.glued.size).toBeGreaterThan(30);
    const doubtful = all.flatMap((text) => DOUBTFUL.exec(text)?.[1] ?? []);
    const found = all.filter((text) => !doubtful.some((packet) => text.startsWith(`packet ${packet} `)));
    expect(doubtful.length).toBeLessThan(DAMAGED / 100);
    if (found.length > 0) console.log(`kept: ${captureFile}`);
    else rmSync(folder, { recursive: true });
    expect(found.slice(0, 50)).toEqual([]);
    expect(found).toHaveLength(0);
  });
});

const VECTORS = fileURLToPath(new URL('../vectors/captures/', import.meta.url));
const DAMAGED = 4000;
/** Whether something may be sealed depends on what of its conv and flow came before. */
const DOUBTFUL =
  /^packet (\d+) kcpgate.kind: inspector "(?:sealed", dissector "opaque|opaque", dissector "sealed)"$/;
/** Every kind of datagram has to be there. */
const KINDS = ['clear', 'sealed', 'handshake', 'fec', 'kcp_go_crypt', 'opaque', 'proxy_header'];
