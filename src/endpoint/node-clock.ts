import { performance } from 'node:perf_hooks';
import type { Clock } from '../base/clock.ts';

/** The process's monotonic clock. */
export const NODE_CLOCK: Clock = { now: () => Math.floor(performance.now()) };
