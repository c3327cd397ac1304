import { NEVER } from '../base/clock.ts';
import type { SessionConfig } from './session-config.ts';
import type { PathHost } from './session-paths.ts';

/**
 * For how long a session is quiet before it asks for a sign of life, in ms; NEVER: it does not ask. With jitter for sessions
 * that logged in, so that thousands of clients do not ask in step.
 */
export function keepAliveWaitMs({ keepAliveMs }: SessionConfig, loggedIn: boolean, host: PathHost): number {
  if (keepAliveMs <= 0) return NEVER;
  if (!loggedIn) return keepAliveMs;
  const random = new Uint8Array(1);
  host.fillRandom(random);
  return Math.round(keepAliveMs * (1 - JITTER + (2 * JITTER * (random[0] ?? 0)) / 255));
}

const JITTER = 0.2;
