import { NO_LOG } from '../../src/base/logger.ts';
import type { PresetName } from '../../src/gateway/config/config.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';

/** How the sessions of an echo server are set up. */
export interface EchoServerOptions {
  readonly preset: PresetName;
  readonly mtu: number;
  /** Send and receive window, in segments. */
  readonly window: number;
  /** Default 1. */
  readonly workers?: number;
}

/** An echo server to measure or to show: a whole gateway, its limits on sessions out of the way. */
export async function startEchoServer(
  bind: string,
  { preset, mtu, window, workers = 1 }: EchoServerOptions,
): Promise<Gateway> {
  const listener = {
    name: 'echo',
    type: 'kcp-udp',
    bind,
    preset,
    mtu,
    send_window: window,
    receive_window: window,
    idle_timeout: '1h',
    max_sessions: MAX_SESSIONS,
    max_sessions_per_source: MAX_SESSIONS,
    new_sessions_per_second: MAX_SESSIONS,
    new_sessions_per_source_per_second: MAX_SESSIONS,
  };
  const text = JSON.stringify({
    common: { drain_timeout: '0s', ...(workers > 1 && { workers }) },
    listeners: [listener],
    upstreams: { echo: { type: 'echo' } },
    routes: [{ name: 'all', target: 'echo' }],
  });
  const result = loadConfig({ text, env: {} });
  if (!result.ok) throw new Error(result.errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
  return startGateway(result.config, { logger: NO_LOG });
}

const MAX_SESSIONS = 1_000_000;
