import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { makeCorpus, PARTS } from '../support/captures/corpus.ts';
import { dissectorFields, runTshark, tsharkFields, type PacketFields } from '../support/captures/tshark.ts';
import { peer } from '../support/peers.ts';

/*
 * Small captures of every kind, test/vectors/captures, and what the dissector for Wireshark shows of them. After a change that
 * is meant: npx vitest run test/integration/wireshark-vectors.test.ts -u
 * KCPGATE_MAKE_CAPTURES=1 makes those captures that are not there.
 */

const FOLDER = fileURLToPath(new URL('../vectors/captures/', import.meta.url));
const KEY_LOG = join(FOLDER, 'keys.txt');
const NAMES = Object.keys(PARTS);
/** Counted over all captures that are read together. */
const COUNTED = new Set(['kcpgate.session']);
/** Numbers of packets. */
const PACKET_FIELDS = new Set(['kcpgate.analysis.first_frame', 'kcpgate.analysis.acks_frame']);

/** One capture, and where it begins when all are read as one. */
interface Part {
  readonly name: string;
  readonly packets: number;
  /** Packets of those before. */
  readonly before: number;
}

function packetsIn(file: string): number {
  const reader = new CaptureReader({ sink: () => undefined });
  reader.push(readFileSync(file));
  reader.finish();
  return reader.counters.packets;
}

async function makeMissing(): Promise<void> {
  const there = readdirSync(FOLDER);
  for (const name of NAMES.filter((one) => !there.includes(`${one}.pcapng`))) {
    const corpus = await makeCorpus(1, [name], true);
    copyFileSync(corpus.captureFile, join(FOLDER, `${name}.pcapng`));
    writeFileSync(KEY_LOG, readFileSync(corpus.keyLogFile, 'utf8'), { flag: 'a' });
    corpus.remove();
  }
}

/** What is shown of one packet, as it is written down. */
function shown(fields: PacketFields, before: number): Record<string, string> {
  const entries = [...fields].flatMap(([name, values]): [string, string][] => {
    if (COUNTED.has(name)) return [];
    const own = PACKET_FIELDS.has(name) ? values.map((value) => String(Number(value) - before)) : values;
    return [[name.replace('kcpgate.', ''), own.map(shortened).join(' ')]];
  });
  return Object.fromEntries(entries);
}

/** All that is said of a packet, but the column, where Wireshark itself knows more in a second pass. */
const rowOf = (fields: PacketFields | undefined): string =>
  JSON.stringify([...(fields ?? [])].filter(([name]) => name !== '_ws.col.Info'));

/** A header that is alone in its packet is shown where the port is known. */
const KEYS_AND_PORTS = { keyLogFile: KEY_LOG, preferences: ['kcpgate.tcp_ports:4001'] };

/** Long bytes by their beginning. */
function shortened(value: string): string {
  if (value.length <= 64 || !/^[0-9a-f]+$/.test(value)) return value;
  return `${value.slice(0, 64)}... (${String(value.length / 2)} bytes)`;
}

peer('tshark').describe('the dissector for Wireshark', () => {
  const fields = ['_ws.col.Info', ...dissectorFields()];
  const parts: Part[] = [];
  let folder: string;
  let all: string;
  let dissected: Map<number, PacketFields>;

  beforeAll(async () => {
    if (process.env.KCPGATE_MAKE_CAPTURES === '1') await makeMissing();
    // A file of this format may have several sections: one run of tshark reads all captures.
    folder = mkdtempSync(join(tmpdir(), 'kcpgate-vectors-'));
    all = join(folder, 'all.pcapng');
    let before = 0;
    for (const name of NAMES) {
      const file = join(FOLDER, `${name}.pcapng`);
      const packets = packetsIn(file);
      parts.push({ name, packets, before });
      before += packets;
      writeFileSync(all, readFileSync(file), { flag: 'a' });
    }
    dissected = await tsharkFields(all, fields, KEYS_AND_PORTS);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(NAMES)('shows what is written down: %s', async (name) => {
    const { packets, before } = parts.find((part) => part.name === name) ?? { packets: 0, before: 0 };
    const rows = Array.from({ length: packets }, (_, index) => ({
      packet: index + 1,
      ...shown(dissected.get(before + index + 1) ?? new Map<string, string[]>(), before),
    }));
    expect(packets).toBeGreaterThan(5);
    await expect(`${JSON.stringify(rows, null, 1)}\n`).toMatchFileSnapshot(join(FOLDER, `${name}.json`));
  });

  test('shows the same in a second pass, and a table of all sessions', { timeout: 60_000 }, async () => {
    const options = { ...KEYS_AND_PORTS, twoPasses: true };
    const again = await tsharkFields(all, fields, options);
    const differing = [...dissected].filter(([packet, values]) => rowOf(again.get(packet)) !== rowOf(values));
    expect(differing.map(([packet, values]) => `${String(packet)} ${rowOf(values)}`)).toEqual([]);
    const preferences = [...KEYS_AND_PORTS.preferences, 'kcpgate.sessions:TRUE'];
    const table = await runTshark(all, { ...options, preferences }, ['-q']);
    const [head, ...rows] = table.trim().split('\n');
    expect(head).toMatch(/^session +conv +kind +sent by +datagrams/);
    const kinds = new Set(rows.map((row) => / 0x[0-9a-f]{8} (without login|sealed|clear) /.exec(row)?.[1]));
    expect(kinds).toEqual(new Set(['without login', 'sealed', 'clear']));
    expect(rows.some((row) => row.endsWith('KICK 3500 kicked'))).toBe(true);
    expect(rows.length % 2).toBe(0);
  });

  test(
    'opens nothing without keys, and takes no headers off when it is told so',
    { timeout: 60_000 },
    async () => {
      const wanted = ['decrypted', 'sealed_because', 'unit', 'frame.length'].map((name) => `kcpgate.${name}`);
      const preferences = ['kcpgate.proxy:off'];
      const without = await tsharkFields(all, wanted, { preferences });
      const values = (name: string): Set<string> =>
        new Set([...without.values()].flatMap((one) => one.get(name) ?? []));
      expect(values('kcpgate.decrypted')).toEqual(new Set(['0']));
      expect(values('kcpgate.sealed_because')).toEqual(new Set(['no_key']));
      expect(values('kcpgate.unit')).not.toContain('SPP');
      expect(values('kcpgate.unit')).toContain('SEALED_COPY');
      // Connections are recognised without their ports.
      expect([...without.values()].filter((one) => one.has('kcpgate.frame.length')).length).toBeGreaterThan(
        50,
      );
    },
  );
});
