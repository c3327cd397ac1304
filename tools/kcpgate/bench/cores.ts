import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** The lower half of the machine's cores for servers and the upper half for clients; nothing where there are too few. */
export class Cores {
  /** As `taskset -c` takes them. */
  readonly server: string | undefined;
  readonly client: string | undefined;

  constructor() {
    const cores = availableParallelism();
    // With fewer, a server of two threads would have one core.
    if (cores < 4 || spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status !== 0) return;
    const half = Math.floor(cores / 2);
    this.server = `0-${half - 1}`;
    this.client = `${half}-${cores - 1}`;
  }
}
