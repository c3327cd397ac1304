import type { GatewayConfig, ListenerConfig } from '../config/config.ts';

/**
 * The configuration of one of several workers: what a listener, or all sessions that logged in, may use as a whole is
 * divided among them, rounded up. What is meant for one session, one connection or one socket stays as it is.
 */
export function shareLimits(config: GatewayConfig, workers: number): GatewayConfig {
  const share = (limit: number): number => Math.ceil(limit / workers);
  const shared = <T extends SharedLimits>(limits: T): T => ({
    ...limits,
    maxSessions: share(limits.maxSessions),
    maxSessionsPerSource: share(limits.maxSessionsPerSource),
    newSessionsPerSecond: share(limits.newSessionsPerSecond),
    newSessionsPerSourcePerSecond: share(limits.newSessionsPerSourcePerSecond),
    maxMemoryBytes: share(limits.maxMemoryBytes),
  });
  const { sessions, qlog } = config;
  return {
    ...config,
    listeners: config.listeners.map((listener): ListenerConfig =>
      listener.type === 'kcp-udp' ? shared(listener) : listener,
    ),
    sessions: { ...shared(sessions), maxHalfOpen: share(sessions.maxHalfOpen) },
    // Their files are in one directory, where each makes room for all.
    qlog: qlog === null ? null : { ...qlog, maxMemoryBytes: share(qlog.maxMemoryBytes) },
  };
}

interface SharedLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerSource: number;
  readonly newSessionsPerSecond: number;
  readonly newSessionsPerSourcePerSecond: number;
  readonly maxMemoryBytes: number;
}
