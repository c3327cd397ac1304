import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { Examiner } from '../../tools/kcpgate/inspect/examine/examiner.ts';
import { parseKeyLog } from '../../tools/kcpgate/inspect/key-log.ts';
import { makeCorpus, type Corpus } from '../support/captures/corpus.ts';
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
  readonly counts: Readonly<Record<string, number>>;
}

function inspect(corpus: Corpus): Inspected {
  const packets = new Map<number, ExpectedFields>();
  const counts: Record<string, number> = {};
  let segments = 0;
  let streamHeaders = 0;
  const examiner = new Examiner({ keyLog: parseKeyLog(readFileSync(corpus.keyLogFile, 'utf8')) });
  const reader = new CaptureReader({
    sink: (found) => {
      const datagram = examiner.examine(found);
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
  return { packets, segments, counts };
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
  if (name === 'kcpgate.problem') return [...values].sort().join(' ');
  if (name === 'kcpgate.address.ip') return values.map(normalIp).join(' ');
  return values.join(' ');
}

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
  ['session', 'from_client', 'rtt', 'analysis.first_frame', 'analysis.acks_frame', 'frame.length'].map(
    (name) => `kcpgate.${name}`,
  ),
);

/** Where gateways of the corpus listen; what comes there is shown also when it cannot be read. */
const PORTS = ['kcpgate.udp_ports:4000', 'kcpgate.tcp_ports:4001'];

peer('tshark', 'kcp-go').describe('the dissector for Wireshark and the inspector', () => {
  test('agree on every field of every packet', { timeout: 120_000 }, async () => {
    const corpus = await makeCorpus(SEED);
    const { captureFile, keyLogFile } = corpus;
    const inspected = inspect(corpus);
    const names = fieldNames(inspected, dissectorFields()).filter((name) => !ONLY_THEIRS.has(name));
    const options = { keyLogFile, preferences: PORTS };
    const dissected = await tsharkFields(captureFile, [STREAM, ...names], options);
    const { found, compared } = differences(inspected, withStreamHeaders(dissected), names);
    console.log(
      `seed ${String(SEED)}: ${String(corpus.packets)} packets, ${String(inspected.segments)} segments, ` +
        `${String(compared)} values of ${String(names.length)} fields`,
      inspected.counts,
    );
    // What they differ on can be looked at.
    if (found.length > 0) console.log(`kept: ${captureFile} ${keyLogFile}`);
    else corpus.remove();
    expect(found.slice(0, 50)).toEqual([]);
    expect(found).toHaveLength(0);
    expect(corpus.packets).toBeGreaterThan(10_000);
    for (const kind of KINDS) expect(inspected.counts[kind]).toBeGreaterThan(10);
  });
});

/** Every kind of datagram has to be there. */
const KINDS = ['clear', 'sealed', 'handshake', 'fec', 'kcp_go_crypt', 'opaque', 'proxy_header'];
