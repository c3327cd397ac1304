import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endInOrder } from './end-in-order.ts';

/** What an nginx of a test runs with. */
export interface NginxOptions {
  /** Folder that everything of it is in: relative paths of the configuration begin there. */
  readonly prefix: string;
  /** The configuration, below `prefix`. */
  readonly config: string;
  /** Its error log, below `prefix`. */
  readonly errorLog: string;
  /** A TCP port of 127.0.0.1 that it listens on. */
  readonly tcpPort: number;
}

/**
 * An nginx of a test's own, with a configuration and a prefix of its own; the system's is not touched. It cannot outlive this
 * process.
 */
export class NginxProcess {
  private readonly options: NginxOptions;
  private readonly child: ChildProcess;
  private readonly exit: Promise<void>;
  private readonly endAtExit: () => void;
  private hasEnded = false;
  private errorText = '';

  private constructor(options: NginxOptions) {
    const { prefix, config } = options;
    this.options = options;
    this.child = spawn('nginx', ['-p', prefix, '-c', join(prefix, config), '-g', 'daemon off;'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errorText += text));
    // Killed, it would leave its workers behind.
    this.endAtExit = () => void this.child.kill('SIGTERM');
    process.once('exit', this.endAtExit);
    endInOrder();
    this.exit = new Promise((resolve) => {
      const ended = (): void => {
        this.hasEnded = true;
        process.removeListener('exit', this.endAtExit);
        resolve();
      };
      this.child.once('close', ended);
      this.child.once('error', (error) => {
        this.errorText += error.message;
        ended();
      });
    });
  }

  /** Starts it and waits until it serves. @throws Error with what it said when it does not. */
  static async start(options: NginxOptions): Promise<NginxProcess> {
    const nginx = new NginxProcess(options);
    try {
      await nginx.until(
        'it serves',
        async () => nginx.workers().length > 0 && (await accepts(options.tcpPort)),
      );
    } catch (error) {
      await nginx.stop();
      throw error;
    }
    return nginx;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Processes that take connections, so not those of before a reload. */
  workers(): number[] {
    return this.children().filter((pid) => !isLeaving(pid));
  }

  /** Has it read its configuration anew. Resolves when the new workers are there and the old ones are leaving. */
  async reload(): Promise<void> {
    const before = this.workers();
    this.child.kill('SIGHUP');
    await this.reloaded(before);
  }

  /** Waits until none of those workers takes connections any more, and others do: somebody else had it reload. */
  async reloaded(before: readonly number[]): Promise<void> {
    await this.until('new workers', () => {
      const workers = this.workers();
      return workers.length > 0 && !workers.some((pid) => before.includes(pid));
    });
  }

  /** Kills one of its workers. Resolves when another one has taken its place. */
  async killWorker(): Promise<void> {
    const before = this.workers();
    process.kill(before[0]!, 'SIGKILL');
    await this.until('a new worker', () => {
      const workers = this.workers();
      return workers.length === before.length && workers.some((pid) => !before.includes(pid));
    });
  }

  /** Everything in its error log. */
  errors(): string {
    try {
      return readFileSync(join(this.options.prefix, this.options.errorLog), 'utf8') + this.errorText;
    } catch {
      return this.errorText;
    }
  }

  /** Ends it with all its connections. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const workers = this.children();
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => {
      for (const pid of [...workers, this.pid]) tryKill(pid);
    }, STOP_MS);
    await this.exit;
    clearTimeout(kill);
  }

  private children(): number[] {
    const pid = String(this.pid);
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
        .split(' ')
        .map(Number)
        .filter((child) => child > 0 && titleOf(child).startsWith('nginx: worker'));
    } catch {
      return [];
    }
  }

  private async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadline = performance.now() + START_MS; !(await isSo());) {
      if (this.hasEnded || performance.now() > deadline)
        throw new Error(`nginx: not ${what}; ${this.errors()}`);
      await delay(10);
    }
  }
}

const START_MS = 15_000;
const STOP_MS = 5_000;

/** How it calls itself. */
function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

const isLeaving = (pid: number): boolean => titleOf(pid).includes('shutting down');

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
