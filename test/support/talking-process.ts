import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TalkEvent, TalkOrder } from './talk-order.ts';
import { endInOrder } from './end-in-order.ts';

/** How the process ended. */
export interface TalkExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A client process (`talking-client.ts`) and everything it has said. It cannot outlive this one. */
export class TalkingProcess {
  readonly events: TalkEvent[] = [];
  readonly exit: Promise<TalkExit>;
  errorText = '';
  private readonly child: ChildProcess;
  private readonly waiters = new Set<() => void>();
  private hasEnded = false;

  /** @param file the bundled program. */
  constructor(file: string, order: TalkOrder) {
    const child = spawn(process.execPath, [file, JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    const killAtExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killAtExit);
    endInOrder();
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errorText += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as TalkEvent);
      for (const wake of this.waiters) wake();
    });
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        process.removeListener('exit', killAtExit);
        this.hasEnded = true;
        for (const wake of this.waiters) wake();
        resolve({ code, signal });
      });
    });
  }

  /** The first event, earlier ones included, that is so. @throws Error with all it said when it ends or takes too long. */
  async event(matches: (event: TalkEvent) => boolean, timeoutMs = 60_000): Promise<TalkEvent> {
    const deadline = performance.now() + timeoutMs;
    for (let seen = 0; ;) {
      for (; seen < this.events.length; seen++) if (matches(this.events[seen]!)) return this.events[seen]!;
      const left = deadline - performance.now();
      if (this.hasEnded || left <= 0) throw new Error(`the client did not say it; ${this.said()}`);
      await this.change(left);
    }
  }

  /** How it ended by itself. @throws Error with all it said when that takes too long. */
  async ended(timeoutMs = 60_000): Promise<TalkExit> {
    const deadline = performance.now() + timeoutMs;
    while (!this.hasEnded) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`the client did not end; ${this.said()}`);
      await this.change(left);
    }
    return this.exit;
  }

  /** The events of a type so far. */
  all(type: string): TalkEvent[] {
    return this.events.filter(({ event }) => event === type);
  }

  /** Ends the talk in order. @returns its result, when the process has ended by itself. */
  async finish(timeoutMs = 60_000): Promise<TalkEvent> {
    this.child.stdin?.write('finish\n');
    const result = await this.event(({ event }) => event === 'result', timeoutMs);
    await this.event(({ event }) => event === 'ended');
    await this.ended();
    return result;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Everything, for the message of a failure. */
  said(): string {
    return `${this.events.map((event) => JSON.stringify(event)).join('\n')}\n${this.errorText}`;
  }

  private async change(timeoutMs: number): Promise<void> {
    let wake: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.waiters.add(wake);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.waiters.delete(wake);
  }
}
