import type { DrainNotice } from '../session/index.ts';
import type { CloseInfo } from './connection-status.ts';
import type { LineReport } from './lines/line-report.ts';
import type { LineTransport } from './login-answer.ts';
import type { SwitchDecision, SwitchReason } from './switching/switch-decision.ts';

/**
 * What a client session tells of itself. Lines and gateways by their ids.
 *
 * In the order they come about: `connecting`, `loggedin`, `open`; then whatever happens; `close` is the last one, always.
 */
export type ClientStatus =
  /** An attempt to open a connection begins, counted from 1 since one last held. */
  | { readonly type: 'connecting'; readonly attempt: number }
  /** No login let this client in, in one round of several; the next one comes in so many ms, null: there is none. */
  | {
      readonly type: 'loginfailed';
      readonly round: number;
      readonly rounds: number;
      readonly waitMs: number | null;
      /** For people, of each login that was asked. */
      readonly reasons: readonly string[];
    }
  /** There is a login to open it with, got now or kept from before. */
  | {
      readonly type: 'loggedin';
      readonly gateways: readonly number[];
      readonly lines: readonly string[];
      readonly isFresh: boolean;
    }
  /** A connection is open, on this line. What is sent from now on goes there. */
  | {
      readonly type: 'open';
      readonly line: string;
      readonly transport: LineTransport;
      readonly gatewayId: number;
    }
  /** The lines were measured, beside the session. */
  | { readonly type: 'surveyed'; readonly report: LineReport }
  /** The line in use may have failed; another one is asked. */
  | { readonly type: 'suspect'; readonly line: string; readonly reason: SwitchReason }
  /** It uses another path from now on: another line, or the same one anew. */
  | { readonly type: 'moved'; readonly from: string; readonly to: string }
  /** The TCP or WebSocket connection of its line broke; what is sent waits. */
  | { readonly type: 'pathlost'; readonly line: string; readonly redials: boolean }
  /** The gateway asks to go elsewhere. */
  | ({ readonly type: 'draining'; readonly gatewayId: number } & DrainNotice)
  /**
   * The connection with a gateway that is drained is finished; the one `open` told of goes on. `lost` is 0 when both
   * directions ended in order, null when it was cut off: messages of the gateway may be missing, nobody knows how many. Of
   * those that were sent there `unconfirmed` were not acknowledged.
   */
  | {
      readonly type: 'left';
      readonly from: number;
      readonly to: number;
      readonly lost: 0 | null;
      readonly unconfirmed: number;
    }
  /**
   * There is no connection: the next attempt comes in so many ms. `code` and `reason` say why: how the last connection closed, or what
   * the last attempt met. `unconfirmed` messages had been taken by `send` and were not acknowledged: they arrived or not, and
   * are not sent again; told once, with the first attempt.
   */
  | ({
      readonly type: 'reconnecting';
      readonly attempt: number;
      readonly waitMs: number;
      readonly unconfirmed: number;
    } & Pick<CloseInfo, 'code' | 'reason'>)
  /** A new connection is open where one had closed. The back end sees a new session, so nothing is resumed. */
  | {
      readonly type: 'reconnected';
      readonly line: string;
      readonly gatewayId: number;
      readonly attempt: number;
      readonly resumed: false;
    }
  /** Something was decided about lines, or became of it: told again with its outcome. */
  | { readonly type: 'decision'; readonly decision: SwitchDecision }
  /** It is over. `unconfirmed` messages had been taken by `send` and were not acknowledged. */
  | ({ readonly type: 'close'; readonly unconfirmed: number } & CloseInfo);

/** The status of one type. */
export type ClientStatusOf<Type extends ClientStatus['type']> = Extract<
  ClientStatus,
  { readonly type: Type }
>;
