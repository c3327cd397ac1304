import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import type { JitterShape } from './link-profile.ts';

/** What jitter adds this time: 0 to `jitterMs`. Draws nothing when there is none. */
export function drawJitter(random: SeededRandom, jitterMs: number, shape: JitterShape = 'uniform'): number {
  if (jitterMs === 0) return 0;
  if (shape === 'uniform') return random.nextInt(jitterMs + 1);
  let sum = 0;
  for (let draw = 0; draw < BELL_DRAWS; draw++) sum += random.nextFloat();
  return (sum / BELL_DRAWS) * jitterMs;
}

const BELL_DRAWS = 4;
