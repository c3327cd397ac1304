import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

import type { Placement } from './contenders.ts';

/** The cores that the two sides of a run are kept on; nothing where there are too few. */
export class Cores {
  /** As `taskset -c` takes them. */
  readonly server: string | undefined;
  readonly client: string | undefined;

  constructor(placement: Placement) {
    const cores = availableParallelism();
    // On halves of two, a server of two threads would have one core.
    const forServer = placement === 'on halves' ? Math.floor(cores / 2) : 1;
    const needed = placement === 'on halves' ? 4 : 2;
    if (placement === 'anywhere' || cores < needed) return;
    if (spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status !== 0) return;
    this.server = forServer === 1 ? '0' : `0-${forServer - 1}`;
    this.client = `${forServer}-${cores - 1}`;
  }
}
