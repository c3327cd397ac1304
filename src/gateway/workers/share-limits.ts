import type { GatewayConfig, ListenerConfig } from '../config/config.ts';

/**
 * The configuration of one of several workers: what a listener may use as a whole is divided among them, rounded up. What
 * is meant for one session or one socket stays as it is.
 */
export function shareLimits(config: GatewayConfig, workers: number): GatewayConfig {
  const share = (limit: number): number => Math.ceil(limit / workers);
  const listeners = config.listeners.map((listener): ListenerConfig => ({
    ...listener,
    maxSessions: share(listener.maxSessions),
    maxSessionsPerSource: share(listener.maxSessionsPerSource),
    newSessionsPerSecond: share(listener.newSessionsPerSecond),
    newSessionsPerSourcePerSecond: share(listener.newSessionsPerSourcePerSecond),
    maxMemoryBytes: share(listener.maxMemoryBytes),
  }));
  return { ...config, listeners };
}
