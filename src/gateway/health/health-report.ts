/** Why a gateway takes no new sessions. */
export const NOT_READY_REASONS = ['not_ready', 'draining', 'stopping', 'worker_missing'] as const;
export type NotReadyReason = (typeof NOT_READY_REASONS)[number];

/** What a gateway says of itself to whoever decides where new sessions go. */
export interface GatewayHealth {
  readonly accepting: 'ready' | 'not_ready' | 'draining' | 'stopping';
  /** Threads that are to serve, and how many of them run and answer; both 1 where the main thread serves. */
  readonly workers: WorkerHealth;
}

export interface WorkerHealth {
  readonly expected: number;
  readonly running: number;
}

export interface HealthCheck {
  readonly status: 'up' | 'down';
  /** Why it is down; null when it is not. */
  readonly reason: NotReadyReason | null;
}

/** The answer of a health endpoint. It holds nothing secret: anybody may ask. */
export interface HealthReport {
  /** `up` when all checks are. */
  readonly status: 'up' | 'down';
  /** RFC 3339. */
  readonly timestamp: string;
  readonly checks: Readonly<Record<string, HealthCheck>>;
}

/** Whether the gateway takes new sessions. @param unixMs Unix time in milliseconds. */
export function readinessReport({ accepting, workers }: GatewayHealth, unixMs: number): HealthReport {
  return reportOf(unixMs, {
    accepting: checkOf(accepting === 'ready' ? null : accepting),
    workers: checkOf(workers.running < workers.expected ? 'worker_missing' : null),
  });
}

/** That the process answers at all. @param unixMs Unix time in milliseconds. */
export function livenessReport(unixMs: number): HealthReport {
  return reportOf(unixMs, { process: checkOf(null) });
}

/** The HTTP status of a report: 503 tells load balancers to go elsewhere. */
export const statusOfHealth = ({ status }: HealthReport): 200 | 503 => (status === 'up' ? 200 : 503);

function reportOf(unixMs: number, checks: Readonly<Record<string, HealthCheck>>): HealthReport {
  const isUp = Object.values(checks).every(({ status }) => status === 'up');
  return { status: isUp ? 'up' : 'down', timestamp: new Date(unixMs).toISOString(), checks };
}

const checkOf = (reason: NotReadyReason | null): HealthCheck => ({
  status: reason === null ? 'up' : 'down',
  reason,
});
