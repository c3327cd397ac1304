import { mayReconnect, type CloseCode } from '../base/close-code.ts';
import type { DrainNotice } from '../session/index.ts';
import type { LineReport } from './lines/line-report.ts';
import type { SwitchDecision, SwitchReason } from './switching/switch-decision.ts';

/** How a connection ended. */
export interface CloseInfo {
  readonly code: CloseCode;
  readonly reason: string;
  /**
   * Whether the code allows to connect again, after a random wait. With the credentials of the same login, while its ticket
   * holds; after `ticket_expired` with those of a new one.
   */
  readonly mayReconnect: boolean;
  /** How long the gateway wants to be left alone before, in ms. Absent: it did not say. */
  readonly retryAfterMs?: number;
}

/** @param retryAfterMs 0: nothing was said. */
export function closeInfo(code: CloseCode, reason: string, retryAfterMs = 0): CloseInfo {
  const info = { code, reason, mayReconnect: mayReconnect(code) };
  return retryAfterMs > 0 ? { ...info, retryAfterMs } : info;
}

/** What a connection that logged in tells of itself. */
export type ConnectionStatus =
  /** It uses another path from now on: another line, or the same one anew. Ids of lines. */
  | { readonly type: 'moved'; readonly from: string; readonly to: string }
  /** The TCP or WebSocket connection of its line broke; what is sent waits. */
  | { readonly type: 'pathlost'; readonly line: string; readonly redials: boolean }
  /** The line in use may have failed; another one is asked. */
  | { readonly type: 'suspect'; readonly line: string; readonly reason: SwitchReason }
  /** Something was decided about lines, or became of it: told again with its outcome. */
  | { readonly type: 'decision'; readonly decision: SwitchDecision }
  /** Its lines were measured, beside it. */
  | { readonly type: 'surveyed'; readonly report: LineReport }
  /** The gateway asks to go elsewhere. */
  | ({ readonly type: 'draining' } & DrainNotice)
  /** It ended. The last one. */
  | ({ readonly type: 'close' } & CloseInfo);

/** The status of one type. */
export type ConnectionStatusOf<Type extends ConnectionStatus['type']> = Extract<
  ConnectionStatus,
  { readonly type: Type }
>;
