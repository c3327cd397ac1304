import type { CloseCode } from '../../base/close-code.ts';
import type { DrainNotice } from '../../session/index.ts';
import type { SessionQuery, SessionReport } from '../data-plane.ts';
import type { GatewayStatus } from '../gateway-status.ts';
import type { GatewayHealth } from '../health/health-report.ts';

/** The gateway as the admin API sees it. Every answer comes in bounded time. */
export interface AdminTarget {
  /** It is being stopped for good. */
  readonly isStopping: boolean;
  /** Whether it takes new sessions, and why not. */
  health(): GatewayHealth;
  status(): Promise<GatewayStatus>;
  /** The open sessions that are asked for, by worker and number upwards; with a limit, the first of them. */
  sessions(query: SessionQuery): Promise<readonly SessionReport[]>;
  /**
   * Ends the sessions that are asked for and tells their clients why.
   * @returns how many there were.
   */
  kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number>;
  /** Takes no new sessions and asks clients to go elsewhere; what is left at the deadline is closed. */
  drain(notice: DrainNotice): void;
  /** Takes new sessions again. */
  undrain(): void;
}
