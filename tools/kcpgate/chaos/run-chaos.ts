import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { GatewayError } from '../../../src/base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../../src/base/node-error.ts';
import type { ServerConfig } from '../../../src/gateway/config/config.ts';
import { untilSignal } from '../shutdown.ts';
import { StatusLine } from '../status-line.ts';
import { startChaos, type Chaos, type RelayPlan } from './chaos.ts';
import { startControlServer, type ControlServer } from './control-server.ts';
import { PROFILES } from './profiles.ts';
import { readEffect, WEATHER_EFFECTS } from './parse-change.ts';
import { Recorder } from './recorder.ts';
import { parseScript, parseStep, type ParsedScript, type Step } from './script.ts';
import { relayText, statusText, summaryText } from './state-text.ts';
import { PERFECT_WEATHER, type Weather } from './weather.ts';
import { WordReader } from './words.ts';

/** Where a relay listens, and where it leads. */
export interface MappingFlag {
  readonly listen: SocketAddress;
  readonly target: ServerConfig;
}

/** What the options of `chaos` give. */
export interface ChaosFlags extends Readonly<Partial<Record<WeatherFlag, readonly string[]>>> {
  readonly udp?: readonly MappingFlag[];
  readonly tcp?: readonly MappingFlag[];
  readonly at?: readonly string[];
  readonly script?: string;
  readonly seed?: number;
  readonly control?: SocketAddress;
  readonly record?: string;
  readonly maxClients: number;
  readonly json: boolean;
  readonly interval: number;
  /** How long to measure, in ms; true: the usual time. */
  readonly selfTest?: number | true;
}

/** Runs until a signal or the step `end`. */
export async function runChaos(flags: ChaosFlags): Promise<void> {
  if (flags.selfTest !== undefined) {
    const { runSelfTest } = await import('./self-test.ts');
    process.stdout.write(await runSelfTest(flags.selfTest === true ? undefined : flags.selfTest));
    return;
  }
  const { udp = [], tcp = [], json } = flags;
  if (udp.length + tcp.length === 0) throw invalid('--udp or --tcp is required');
  const weather = weatherOf(flags);
  const steps = stepsOf(flags);
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
  const relays = [...(await plansOf('udp', udp)), ...(await plansOf('tcp', tcp))];
  const line = new StatusLine(process.stderr);
  const say = (text: string): void => {
    if (!json) line.aside(() => process.stdout.write(`${text}\n`));
  };
  const recorder = flags.record === undefined ? undefined : openRecorder(flags.record);
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const chaos = await startChaos({
    ...{ relays, seed, ...weather, steps, maxClients: flags.maxClients },
    ...(recorder === undefined ? {} : { recorder }),
    onStep: (atMs, text, error) => {
      if (json)
        printJson({
          event: 'step',
          atMs: Math.round(atMs),
          change: text,
          ...(error === undefined ? {} : { error }),
        });
      else say(`${(atMs / 1000).toFixed(1)} s  ${text}${error === undefined ? '' : `: ${error}`}`);
    },
    onEnd: end,
  });
  let control: ControlServer | undefined;
  try {
    if (flags.control !== undefined) control = await startControlServer(flags.control, chaos);
  } catch (error) {
    // Nothing has begun: there is nothing to sum up.
    await chaos.close();
    recorder?.close();
    throw error;
  }
  try {
    announce(chaos, control, json, say);
    const stopShowing = show(chaos, flags, line);
    await Promise.race([untilSignal(), ended]);
    stopShowing();
  } finally {
    const state = chaos.state();
    await control?.close();
    await chaos.close();
    recorder?.close();
    if (json) printJson({ event: 'end', ...state });
    else process.stdout.write(summaryText(state));
    if (recorder !== undefined) say(`${flags.record ?? ''}: ${String(recorder.packets)} packets`);
  }
}

function announce(
  chaos: Chaos,
  control: ControlServer | undefined,
  json: boolean,
  say: (text: string) => void,
): void {
  const state = chaos.state();
  const api = control === undefined ? undefined : `http://${formatSocketAddress(control.address)}/api/chaos`;
  if (json) printJson({ event: 'start', ...(api === undefined ? {} : { control: api }), ...state });
  say(`seed ${String(state.seed)}`);
  for (const relay of state.relays) say(relayText(relay));
  if (api !== undefined) say(`control ${api}`);
}

/** Keeps the last line of the terminal up to date, or prints JSON. @returns ends it. */
function show(chaos: Chaos, { json, interval }: ChaosFlags, line: StatusLine): () => void {
  if (!json && !line.isShown) return () => undefined;
  let before = chaos.state();
  const timer = setInterval(() => {
    const now = chaos.state();
    if (json) printJson({ event: 'state', ...now });
    else line.show(statusText(now, before));
    before = now;
  }, interval);
  return () => {
    clearInterval(timer);
    line.clear();
  };
}

const printJson = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

/** Options that are words of scripts. */
type WeatherFlag = (typeof WEATHER_EFFECTS)[number] | 'profile';

/** Those that have no meaning without datagrams. */
const DATAGRAM_FLAGS: ReadonlySet<string> = new Set([
  'loss',
  'burst',
  'duplicate',
  'reorder',
  'corrupt',
  'queue',
  'mtu',
]);

/** The weather that the options say. */
export function weatherOf(flags: Pick<ChaosFlags, WeatherFlag | 'udp'>): { up: Weather; down: Weather } {
  const weather = { up: PERFECT_WEATHER, down: PERFECT_WEATHER };
  for (const name of ['profile', ...WEATHER_EFFECTS] as const) {
    for (const text of flags[name] ?? []) {
      if (DATAGRAM_FLAGS.has(name) && flags.udp === undefined) {
        throw invalid(`--${name} has no meaning on a byte stream: it needs --udp`);
      }
      const words = new WordReader(`${name} ${text}`);
      const change = readEffect(words, 'all');
      if (change?.kind !== 'weather' && change?.kind !== 'profile') {
        throw invalid(`--${name} ${text}: ${words.fault?.error ?? 'cannot be understood'}`);
      }
      for (const way of ['up', 'down'] as const) {
        if (change.direction !== 'both' && change.direction !== way) continue;
        weather[way] =
          change.kind === 'profile' ? PROFILES[change.profile][way] : { ...weather[way], ...change.values };
      }
    }
  }
  return weather;
}

function stepsOf({ at = [], script }: ChaosFlags): readonly Step[] {
  const steps = at.flatMap((text) =>
    stepsFrom(parseStep(text), (_, column) => `--at '${text}', column ${String(column)}`),
  );
  if (script === undefined) return steps;
  let text: string;
  try {
    text = readFileSync(script, 'utf8');
  } catch (error) {
    throw invalid(`--script: ${error instanceof Error ? error.message : String(error)}`);
  }
  const position = (line: number, column: number): string => `${script}:${String(line)}:${String(column)}`;
  return [...steps, ...stepsFrom(parseScript(text), position)];
}

function stepsFrom(
  parsed: ParsedScript,
  position: (line: number, column: number) => string,
): readonly Step[] {
  if (parsed.ok) return parsed.steps;
  throw invalid(
    parsed.faults.map(({ line, column, error }) => `${position(line, column)}: ${error}`).join('\n'),
  );
}

async function plansOf(carrier: 'udp' | 'tcp', mappings: readonly MappingFlag[]): Promise<RelayPlan[]> {
  return await Promise.all(
    mappings.map(async ({ listen, target: { host, port } }) => {
      try {
        const { address, family } = await lookup(host);
        return { carrier, listen, target: { address, family: family === 6 ? 6 : 4, port } };
      } catch (error) {
        throw fromSystemError(error as SystemErrorLike, 'connect_failed');
      }
    }),
  );
}

function openRecorder(path: string): Recorder {
  try {
    return new Recorder(path, (error) =>
      process.stderr.write(`kcpgate: recording ended: ${error.message}\n`),
    );
  } catch (error) {
    throw invalid(`--record: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const invalid = (message: string): GatewayError => new GatewayError('config_invalid', message);
