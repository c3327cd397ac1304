import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One JSON line a program printed. */
export type ProgramEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/**
 * A child process whose standard output consists of JSON lines, each with an `event`. It ends when its standard input is
 * closed, so it does not outlive this process.
 */
export class ChildProgram {
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly name: string;
  private readonly events: ProgramEvent[] = [];
  private readonly exited: Promise<void>;
  private hasExited = false;
  private errorText = '';
  private wakeUp: () => void = () => undefined;

  /**
   * @param name what messages call it.
   * @param environment what it finds in its environment beside what this process has.
   * @throws Error when the program cannot be started.
   */
  static async start(
    name: string,
    command: string,
    commandArguments: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ChildProgram> {
    const env = { ...process.env, ...environment };
    const child = spawn(command, commandArguments, { stdio: ['pipe', 'pipe', 'pipe'], env });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return new ChildProgram(child, name);
  }

  private constructor(child: ChildProcess, name: string) {
    this.child = child;
    this.name = name;
    this.pid = child.pid ?? 0;
    // A program that ended closes its input first; that is no failure of ours.
    child.stdin?.on('error', () => undefined);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errorText = (this.errorText + text).slice(-MAX_ERROR_TEXT);
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.takeLine(line);
      });
    }
    this.exited = new Promise((resolve) => {
      child.once('close', () => {
        this.hasExited = true;
        this.wakeUp();
        resolve();
      });
    });
  }

  /**
   * The next line with this event. One caller at a time.
   * @throws Error with what the program said when it reports an error, ends before, or `timeoutMs` is over.
   */
  async next(event: string, timeoutMs: number): Promise<ProgramEvent> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const at = this.events.findIndex((candidate) => candidate.event === event);
      const found = at < 0 ? undefined : this.events.splice(at, 1)[0];
      if (found !== undefined) return found;
      const failure = this.events.find((candidate) => candidate.event === 'error');
      if (failure !== undefined) throw new Error(`${this.name}: ${String(failure.message)}`);
      this.assertRunning();
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${this.name}: no "${event}" within ${timeoutMs} ms`);
      await this.change(left);
    }
  }

  /** Writes one line to its standard input. */
  tell(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** @throws Error with what the program said last, when it has ended. */
  assertRunning(): void {
    if (this.hasExited) throw new Error(`${this.name} ended early: ${this.errorText.trim()}`);
  }

  /** Asks it to end, kills it when it does not, and waits until it is gone. What it printed last can still be read. */
  async stop(): Promise<void> {
    if (this.hasExited) return;
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), STOP_GRACE_MS);
    await this.exited;
    clearTimeout(kill);
  }

  private async change(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  private takeLine(line: string): void {
    const event = parseEvent(line);
    if (event === undefined || this.events.length >= MAX_KEPT_EVENTS) return;
    this.events.push(event);
    this.wakeUp();
  }
}

function parseEvent(line: string): ProgramEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent = typeof value === 'object' && value !== null && 'event' in value;
    return isEvent && typeof value.event === 'string' ? (value as ProgramEvent) : undefined;
  } catch {
    return undefined;
  }
}

const MAX_KEPT_EVENTS = 100;
const MAX_ERROR_TEXT = 8192;
const STOP_GRACE_MS = 3000;
