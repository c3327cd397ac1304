import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The dissector. */
const DISSECTOR = fileURLToPath(new URL('../../../tools/wireshark/kcpgate.lua', import.meta.url));

export interface TsharkOptions {
  readonly keyLogFile?: string;
  /** More preferences, `name:value`. */
  readonly preferences?: readonly string[];
  /** Dissects everything twice, as the program with windows does. Default false. */
  readonly twoPasses?: boolean;
  /** More arguments. */
  readonly more?: readonly string[];
}

/** Values of one packet by field, in order of appearance; fields without any are left out. */
export type PacketFields = ReadonlyMap<string, readonly string[]>;

/**
 * Runs tshark with the dissector over a capture and gives what it says of each packet.
 * @param fields names of fields.
 * @throws Error when it fails somewhere: it must read everything.
 */
export async function tsharkFields(
  captureFile: string,
  fields: readonly string[],
  options: TsharkOptions = {},
): Promise<Map<number, PacketFields>> {
  const output = await runTshark(captureFile, options, [
    ...['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', `aggregator=${BETWEEN_VALUES}`],
    ...['-e', 'frame.number', '-e', '_ws.lua.error', ...fields.flatMap((field) => ['-e', field])],
  ]);
  const packets = new Map<number, PacketFields>();
  for (const line of output.split('\n')) {
    if (line === '') continue;
    const [number, isFailed, ...columns] = line.split('\t');
    if (isFailed !== '') throw new Error(`the dissector fails at packet ${String(number)} of ${captureFile}`);
    const values = columns.flatMap((column, index): [string, string[]][] =>
      column === '' ? [] : [[fields[index] ?? '', column.split(BETWEEN_VALUES)]],
    );
    packets.set(Number(number), new Map(values));
  }
  return packets;
}

/** The names of all fields the dissector has, from its source: to ask tshark for them takes a second. */
export function dissectorFields(): string[] {
  const definitions = readFileSync(DISSECTOR, 'utf8').matchAll(/^ {2}add\("\w+", "\w+", "([a-z\d_.]+)"/gm);
  return [...definitions].map(([, name = '']) => `kcpgate.${name}`);
}

/** Runs tshark with the dissector. @returns what it printed. @throws Error when it complains. */
export async function runTshark(
  captureFile: string,
  { keyLogFile, preferences = [], twoPasses = false, more = [] }: TsharkOptions,
  output: readonly string[],
): Promise<string> {
  const settings = [
    ...(keyLogFile === undefined ? [] : [`kcpgate.keylog_file:${keyLogFile}`]),
    // Times and names that differ from machine to machine are of no use here.
    'nameres.network_name:FALSE',
    ...preferences,
  ];
  const { stdout, stderr } = await promisify(execFile)(
    'tshark',
    [
      ...['-n', '-r', captureFile, '-X', `lua_script:${DISSECTOR}`],
      ...(twoPasses ? ['-2'] : []),
      ...settings.flatMap((setting) => ['-o', setting]),
      ...more,
      ...output,
    ],
    { maxBuffer: 1 << 30, env: { ...process.env, ...NOBODY, TZ: 'UTC' } },
  );
  const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Running as user'));
  if (complaints.length > 0) throw new Error(`tshark: ${complaints.slice(0, 10).join('\n')}`);
  if (stdout.includes('Lua Error')) throw new Error(/.*Lua Error.*/.exec(stdout)?.[0]);
  return stdout;
}

/** Whoever runs the tests may have preferences, and this dissector, of their own. */
const NOBODY = { HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };
/** Stands in no text of this protocol's. */
const BETWEEN_VALUES = '~';
