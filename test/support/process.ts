import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { endInOrder } from './end-in-order.ts';

/** One JSON line a program printed; `event` says what it is. */
export type ProgramEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** How a program ended. */
export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  readonly workingFolder?: string;
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a program whose standard output consists of JSON lines. */
export function startProgram(
  command: string,
  commandArguments: readonly string[],
  options: ProgramOptions = {},
): RunningProgram {
  const child = spawn(command, commandArguments, {
    stdio: 'pipe',
    ...(options.workingFolder === undefined ? {} : { cwd: options.workingFolder }),
    env: { ...process.env, ...options.environment },
  });
  return new RunningProgram(child, command);
}

/** The user and system time a running process has used so far, in seconds (Linux). Throws when it is gone. */
export function cpuSeconds(pid: number): number {
  // The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** The memory a running process holds, in bytes (Linux). Throws when it is gone. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'latin1'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Fixed at 100 on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
/** Lines nobody waited for that are kept. */
const MAX_KEPT_EVENTS = 1000;
const MAX_ERROR_TEXT = 8192;

interface Waiter {
  readonly event: string;
  readonly settle: (event: ProgramEvent | Error) => void;
}

/** A child process that cannot outlive this one: it is killed when this process exits. */
export class RunningProgram {
  /** Settles when the program is gone and its output was read. */
  readonly exit: Promise<ProgramExit>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #events: ProgramEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #errorText = '';
  #ended = false;

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    const killAtExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killAtExit);
    endInOrder();
    this.exit = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#errorText += error.message;
        if (child.pid === undefined) this.#end({ code: null, signal: null }, resolve);
      });
      child.once('close', (code, signal) => {
        process.removeListener('exit', killAtExit);
        this.#end({ code, signal }, resolve);
      });
    });
    // A program that ended closes its input first; what was still written to it is of no interest.
    child.stdin?.on('error', () => undefined);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText = (this.#errorText + text).slice(-MAX_ERROR_TEXT);
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#takeLine(line);
      });
    }
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} did not start: ${this.#errorText}`);
    return this.#child.pid;
  }

  /** The end of what the program wrote to standard error. */
  get errorText(): string {
    return this.#errorText;
  }

  /** The first line with this `event` that was not taken yet. Rejects when the program ends or the time is over. */
  nextEvent(event: string, timeoutMs = 30_000): Promise<ProgramEvent> {
    const kept = this.#takeKept(event);
    if (kept !== undefined) return Promise.resolve(kept);
    if (this.#ended) return Promise.reject(this.#gone(event));
    return new Promise((resolve, reject) => {
      const settle = (outcome: ProgramEvent | Error): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const waiter: Waiter = { event, settle };
      const timer = setTimeout(() => {
        settle(new Error(`${this.#name}: no "${event}" in ${String(timeoutMs)} ms; ${this.#errorText}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Asks the program to end with SIGTERM, kills it when it has not after `graceMs`; resolves when it is gone. */
  async stop(graceMs = 3000): Promise<ProgramExit> {
    if (this.#ended) return this.exit;
    this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    try {
      return await this.exit;
    } finally {
      clearTimeout(kill);
    }
  }

  #takeKept(event: string): ProgramEvent | undefined {
    const at = this.#events.findIndex((candidate) => candidate.event === event);
    return at < 0 ? undefined : this.#events.splice(at, 1)[0];
  }

  #takeLine(line: string): void {
    const event = parseEvent(line);
    if (event === null) return;
    for (const waiter of this.#waiters) {
      if (waiter.event === event.event) {
        waiter.settle(event);
        return;
      }
    }
    if (this.#events.length < MAX_KEPT_EVENTS) this.#events.push(event);
  }

  #end(exit: ProgramExit, resolve: (exit: ProgramExit) => void): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiter of [...this.#waiters]) waiter.settle(this.#gone(waiter.event));
    resolve(exit);
  }

  #gone(event: string): Error {
    const printed = this.#events.map((kept) => JSON.stringify(kept)).join(' ');
    return new Error(`${this.#name} ended before "${event}"; ${printed} ${this.#errorText}`);
  }
}

function parseEvent(line: string): ProgramEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent =
      typeof value === 'object' && value !== null && 'event' in value && typeof value.event === 'string';
    return isEvent ? (value as ProgramEvent) : null;
  } catch {
    return null;
  }
}
