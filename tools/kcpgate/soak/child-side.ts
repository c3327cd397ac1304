import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SoakRequest } from './soak-message.ts';

/** One of the processes of a soak, which answers requests with reports. It ends when this one does. */
export class ChildSide<Report extends { readonly kind: string }> {
  private readonly child: ChildProcess;
  private readonly name: string;

  /** @param script compiled file next to this one, without its ending. */
  constructor(name: string, script: string, argument: string) {
    this.name = name;
    this.child = fork(fileURLToPath(new URL(`${script}.js`, import.meta.url)), [argument], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The next message. @throws Error when the process ends or `timeoutMs` is over. */
  async next(timeoutMs = 30_000): Promise<Report> {
    const waiting = new AbortController();
    const timer = setTimeout(() => {
      waiting.abort(new Error(`${this.name} does not answer`));
    }, timeoutMs);
    try {
      const message = once(this.child, 'message', { signal: waiting.signal });
      const end = once(this.child, 'exit', { signal: waiting.signal }).then(() => {
        throw new Error(`${this.name} ended`);
      });
      // Whichever comes second is of no interest.
      message.catch(() => undefined);
      end.catch(() => undefined);
      const [report] = (await Promise.race([message, end])) as [Report];
      return report;
    } finally {
      clearTimeout(timer);
      waiting.abort();
    }
  }

  /** @throws Error as {@link next}. */
  async ask(kind: SoakRequest['kind'], timeoutMs?: number): Promise<Report> {
    const report = this.next(timeoutMs);
    this.child.send({ kind } satisfies SoakRequest);
    return report;
  }

  /** Ends it in order, at the latest after `graceMs` by force. */
  async stop(graceMs = 15_000): Promise<void> {
    if (this.hasExited) return;
    const exit = once(this.child, 'exit');
    // One that is about to end by itself may be gone before it hears this.
    if (this.child.connected) this.child.send({ kind: 'stop' } satisfies SoakRequest, () => undefined);
    const kill = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    await exit;
    clearTimeout(kill);
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    if (this.hasExited) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  private get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
