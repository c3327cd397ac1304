import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { endInOrder } from './end-in-order.ts';

/** A log record of the command, as JSON. */
export type LogRecord = { readonly msg: string } & Readonly<Record<string, unknown>>;

/** How the command ended. */
export interface CommandExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The words that run the built command, for those who start it by another program. It is not built for that. */
export function kcpgateWords(): readonly string[] {
  return [process.execPath, COMMAND];
}

/** Starts the built `kcpgate` command; what is built is never older than the sources. */
export async function startKcpgate(
  commandArguments: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningCommand> {
  await buildIfStale();
  const child = spawn(process.execPath, [COMMAND, ...commandArguments], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  return new RunningCommand(child, commandArguments.join(' '));
}

/** Runs the command to its end. */
export async function runKcpgate(
  commandArguments: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandExit & { readonly output: string; readonly errorOutput: string }> {
  const command = await startKcpgate(commandArguments, environment);
  const exit = await command.exit;
  return { ...exit, output: command.output, errorOutput: command.errorOutput };
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'dist/tools/kcpgate/main.js');
/** As old as the start of the last build done here. */
const BUILD_MARK = join(ROOT, 'dist/.test-build');
const BUILD_TIMEOUT_MS = 120_000;
const MAX_OUTPUT = 4 * 1024 * 1024;

interface Waiter {
  readonly matches: (line: string) => boolean;
  readonly settle: (line: string | Error) => void;
}

/** The command as a child process. It cannot outlive this one: it is killed when this process exits. */
export class RunningCommand {
  /** Settles when it is gone and its output was read. */
  readonly exit: Promise<CommandExit>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #errorOutput = '';
  #ended = false;

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    const killAtExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killAtExit);
    endInOrder();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errorOutput = (this.#errorOutput + text).slice(-MAX_OUTPUT);
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#takeLine(line);
      });
    }
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        process.removeListener('exit', killAtExit);
        this.#ended = true;
        for (const waiter of [...this.#waiters]) waiter.settle(this.#gone());
        resolve({ code, signal });
      });
    });
  }

  /** Everything on standard output so far. */
  get output(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }

  get errorOutput(): string {
    return this.#errorOutput;
  }

  /** The first line of standard output, earlier ones included, that matches. Rejects when it cannot come any more. */
  line(matches: (line: string) => boolean, timeoutMs = 30_000): Promise<string> {
    const found = this.#lines.find(matches);
    if (found !== undefined) return Promise.resolve(found);
    if (this.#ended) return Promise.reject(this.#gone());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        settle: (outcome) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      const timer = setTimeout(() => {
        waiter.settle(new Error(`${this.#name}: not the line in ${String(timeoutMs)} ms; ${this.#all()}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** The first JSON log record with this message and these fields. */
  async record(message: string, fields: Readonly<Record<string, unknown>> = {}): Promise<LogRecord> {
    return recordOf(await this.line((candidate) => isRecord(candidate, message, fields)))!;
  }

  /** The first such record that comes after what stood in its output, of which {@link output} had so many characters. */
  async recordBehind(
    seen: number,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): Promise<LogRecord> {
    const isIn = (line: string): boolean => this.output.includes(line, seen);
    return recordOf(await this.line((candidate) => isRecord(candidate, message, fields) && isIn(candidate)))!;
  }

  /** The port of the first address it says it listens on. */
  async port(): Promise<number> {
    const { address } = await this.record('listening');
    return Number(String(address).split(':').at(-1));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to stop, kills it when it has not after a while. */
  async stop(): Promise<CommandExit> {
    if (this.#ended) return this.exit;
    this.signal('SIGTERM');
    const kill = setTimeout(() => {
      this.signal('SIGKILL');
    }, 15_000);
    try {
      return await this.exit;
    } finally {
      clearTimeout(kill);
    }
  }

  #takeLine(line: string): void {
    this.#lines.push(line);
    for (const waiter of [...this.#waiters]) if (waiter.matches(line)) waiter.settle(line);
  }

  #gone(): Error {
    return new Error(`${this.#name}: ended before the line; ${this.#all()}`);
  }

  #all(): string {
    return `${this.output}${this.#errorOutput}`;
  }
}

function isRecord(line: string, message: string, fields: Readonly<Record<string, unknown>>): boolean {
  const record = recordOf(line);
  if (record?.msg !== message) return false;
  return Object.entries(fields).every(([key, value]) => record[key] === value);
}

function recordOf(line: string): LogRecord | undefined {
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return undefined;
  }
}

/** Builds when a source is newer than the last build; test files that run at the same time wait for one build. */
export async function buildIfStale(): Promise<void> {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const lock = `${BUILD_MARK}.lock`;
  while (isStale()) {
    if (!tryLock(lock)) {
      await delay(100);
      continue;
    }
    try {
      if (isStale()) await build();
    } finally {
      rmdirSync(lock);
    }
  }
}

function isStale(): boolean {
  const builtAt = statSync(BUILD_MARK, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['native-bindings', 'src', 'tools'].some((folder) => newest(join(ROOT, folder)) >= builtAt);
}

async function build(): Promise<void> {
  const startedAt = new Date();
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [compiler, '-b'], { cwd: ROOT, timeout: BUILD_TIMEOUT_MS });
  } catch (error) {
    // The compiler writes what it can; type errors are for the type check to report.
    const { stdout = '' } = error as { readonly stdout?: string };
    console.warn(`the build has errors\n${stdout}`);
    if (!existsSync(COMMAND)) throw error;
  }
  writeFileSync(BUILD_MARK, '');
  utimesSync(BUILD_MARK, startedAt, startedAt);
}

/** Whether this process now holds the lock; one left behind by a process that died is removed. */
function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const heldSince = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - heldSince > BUILD_TIMEOUT_MS + 10_000) rmdirSync(lock);
    return false;
  }
}

function newest(folder: string): number {
  let newestMs = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    newestMs = Math.max(newestMs, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newestMs;
}
