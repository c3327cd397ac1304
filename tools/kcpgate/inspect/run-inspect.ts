import { openSync, statSync } from 'node:fs';
import type { SocketAddress } from '../../../src/base/address.ts';
import { GatewayError } from '../../../src/base/errors.ts';
import { countOf } from '../admin/cell.ts';
import { ExitCode } from '../exit-code.ts';
import type { CaptureCounters } from './capture/capture-counters.ts';
import { Examiner } from './examine/examiner.ts';
import type { ExpertNote } from './examined.ts';
import { FilterError, formatFilterError } from './filter/filter-error.ts';
import { parseFilter } from './filter/parse-filter.ts';
import { fileError } from './input/file-error.ts';
import { kcpGoKeyOf, type KcpGoOptions } from './input/key-options.ts';
import { KeyLogFile } from './input/key-log-file.ts';
import type { LiveTarget } from './input/live-sources.ts';
import { readFiles, readHex, type SourceTarget } from './input/sources.ts';
import { Warnings } from './input/warnings.ts';
import { chooseViews } from './views/choose-views.ts';
import { type Findings, findingsOf } from './views/findings.ts';
import { paletteFor } from './views/palette.ts';
import { Pipeline } from './views/pipeline.ts';
import type { Predicate } from './views/subject.ts';
import { type ByteSink, descriptorSink, TextOutput } from './views/text-output.ts';
import type { ViewOptions } from './views/view-options.ts';

/** What the options of `inspect` give. */
export interface InspectOptions extends ViewOptions, KcpGoOptions {
  readonly hex: boolean;
  readonly interface?: string;
  readonly port: readonly number[];
  readonly listen?: SocketAddress;
  readonly to?: SocketAddress;
  readonly keyLog?: string;
  readonly proxy: 'auto' | 'off' | 'proxy' | 'spp';
  readonly filter?: string;
  readonly limit?: number;
  readonly failOn?: 'error' | 'warning';
}

/** The world around `inspect`. */
export interface InspectPlaces {
  /** Takes what goes to standard output. */
  readonly output: ByteSink;
  readonly isTerminal: boolean;
  /** Characters in a line of the output. */
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes a line for standard error. */
  readonly warn: (text: string) => void;
  /** Called when something live begins. @returns what ends it. */
  readonly stopSignal: () => AbortSignal;
}

/** The places of this process. */
export function processPlaces(): InspectPlaces {
  const { stdout, stderr, env } = process;
  const isTerminal = stdout.isTTY;
  return {
    output: descriptorSink(STANDARD_OUTPUT, 'standard output'),
    isTerminal,
    columns: isTerminal ? Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, stdout.columns)) : DEFAULT_COLUMNS,
    environment: env,
    warn: (text) => void stderr.write(`kcpgate: ${text}\n`),
    stopSignal,
  };
}

/** Aborted by the first signal that asks to stop; a second one ends the process. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      controller.abort();
    });
  }
  return controller.signal;
}

const STANDARD_OUTPUT = 1;
const DEFAULT_COLUMNS = 100;
const MIN_COLUMNS = 60;
const MAX_COLUMNS = 120;

/**
 * Shows what inputs hold.
 * @param inputs files, or hex text.
 * @returns the exit code: 1 for a damaged capture, and for notes that `--fail-on` asks about.
 * @throws GatewayError `config_invalid` when options or inputs are wrong.
 */
export async function runInspect(
  inputs: readonly string[],
  options: InspectOptions,
  places: InspectPlaces,
): Promise<number> {
  const filter = filterOf(options);
  const kcpGo = kcpGoKeyOf(options, places.environment);
  checkOutputs(inputs, options);
  const output = new TextOutput(places.output);
  const views = await chooseViews(options, {
    output,
    palette: paletteFor(options.color, places.isTerminal, places.environment),
    isTerminal: places.isTerminal,
    columns: places.columns,
    warn: places.warn,
    openFile: (file) => (file === '-' ? places.output : openForWriting(file)),
  });
  const keys = options.keyLog === undefined ? null : new KeyLogFile(options.keyLog);
  const examiner = new Examiner({
    proxy: options.proxy,
    ...(keys === null ? {} : { keyLog: keys.keyLog }),
    ...(kcpGo === undefined ? {} : { kcpGo }),
    onSpurious: (spurious) => {
      for (const view of views) view.onSpurious?.(spurious);
    },
  });
  const pipeline = new Pipeline({
    examiner,
    views,
    ...(filter === undefined ? {} : { filter }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  });
  const warnings = new Warnings(places.warn);
  const capture = await readInputs(inputs, options, places, {
    sink: pipeline.take,
    notice: warnings.notice,
    beforePiece: () => {
      keys?.readMore();
    },
    afterPiece: () => {
      output.flush();
      return !pipeline.isDone && !output.isClosed;
    },
  });
  keys?.close();
  examiner.finish();
  const { sessions, flows, notes, counters: left } = examiner;
  const all: Findings = { capture, sessions, flows, notes, left, startUs: pipeline.startUs };
  const shown = filter === undefined ? all : findingsOf(all, pipeline.shownSessions, pipeline.shownFlows);
  for (const view of views) view.finish?.(shown);
  output.flush();
  if (capture.lostPackets > 0) places.warn(lostText(capture.lostPackets));
  if (capture.datagrams === 0) places.warn('no datagrams were found; --stats tells what else there was');
  return warnings.isDamaged || failsOn(notes, options.failOn) ? ExitCode.failure : ExitCode.ok;
}

const lostText = (count: number): string =>
  `${countOf(count, 'packet')} not captured, because there were too many: what was in them is missing`;

/** What is read must not be overwritten. */
function checkOutputs(inputs: readonly string[], { write, timeline, keyLog, hex }: InspectOptions): void {
  const read = [...(hex ? [] : inputs), ...(keyLog === undefined ? [] : [keyLog])];
  for (const file of [write, timeline]) {
    if (file !== undefined && read.some((input) => isSameFile(input, file))) {
      throw wrong(`${file} is read: it cannot be written at the same time`);
    }
  }
}

function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map((file) => statSync(file, { throwIfNoEntry: false }));
  if (first === undefined || second === undefined || !first.isFile()) return false;
  return first.dev === second.dev && first.ino === second.ino;
}

function filterOf({ filter, follow, followSession }: InspectOptions): Predicate | undefined {
  if (filter === undefined) return undefined;
  if (follow !== undefined || followSession !== undefined)
    throw wrong('--filter and --follow do not go together');
  try {
    return parseFilter(filter);
  } catch (error) {
    if (error instanceof FilterError) throw wrong(`--filter, ${formatFilterError(error, filter)}`);
    throw error;
  }
}

async function readInputs(
  inputs: readonly string[],
  options: InspectOptions,
  places: InspectPlaces,
  target: SourceTarget,
): Promise<CaptureCounters> {
  const { hex, interface: name, port, listen, to } = options;
  const sources = [inputs.length > 0 || hex, name !== undefined, listen !== undefined];
  if (sources.filter(Boolean).length > 1)
    throw wrong('give one source: files, --hex, --interface or --listen');
  if ((listen === undefined) !== (to === undefined)) throw wrong('--listen and --to go together');
  if (port.length > 0 && name === undefined) throw wrong('--port goes with --interface');
  if (hex) return readHex(inputs, target);
  if (name !== undefined) {
    const { captureInterface } = await import('./input/live-sources.ts');
    return captureInterface(name, port, live(target, places));
  }
  if (listen !== undefined && to !== undefined) {
    const { relayLive } = await import('./input/live-sources.ts');
    return relayLive(listen, to, live(target, places));
  }
  if (inputs.length === 0) throw wrong('name a capture file; - is standard input');
  return readFiles(inputs, target);
}

const live = (target: SourceTarget, { warn, stopSignal: stop }: InspectPlaces): LiveTarget => ({
  ...target,
  tell: warn,
  stop: stop(),
});

function failsOn(notes: readonly ExpertNote[], failOn: InspectOptions['failOn']): boolean {
  if (failOn === undefined) return false;
  return notes.some(({ severity }) => severity === 'error' || severity === failOn);
}

function openForWriting(file: string): ByteSink {
  try {
    return descriptorSink(openSync(file, 'w'), file);
  } catch (error) {
    throw fileError(file, error);
  }
}

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
