import type { CloseCode } from '../../base/close-code.ts';
import type { ClientStatus } from '../client-status.ts';
import type { OpenReason } from '../session-succession.ts';
import type { Connection } from './connection.ts';

/** What a client session needs of each of its connections. */
export type SessionTransport = Pick<
  Connection,
  | 'gatewayId'
  | 'line'
  | 'lines'
  | 'send'
  | 'sendDatagram'
  | 'onDatagram'
  | 'writable'
  | 'unconfirmed'
  | 'heldBytes'
  | 'on'
  | 'moveTo'
  | 'stats'
  | 'divert'
  | 'end'
  | 'close'
  | 'destroy'
  | 'closed'
  | typeof Symbol.asyncIterator
>;

/** Opens the connections of one client session. */
export interface SessionOpener {
  /**
   * Opens one, with what there is to log in with.
   * @throws GatewayError; `no_line` when it is to leave a gateway and there is no other.
   */
  open(request: OpenRequest): Promise<SessionTransport>;
  /** The session is over. */
  release(): void;
}

export interface OpenRequest {
  readonly reason: OpenReason;
  /** The gateway that is to be left; undefined: any will do. */
  readonly leave: number | undefined;
  /** Ids of lines that the gateway to be left would have instead, best first. */
  readonly prefer: readonly string[];
  /** How the connection before this one was closed; undefined: none was. */
  readonly closedWith: CloseCode | undefined;
  /** Aborting it gives up. */
  readonly signal: AbortSignal;
  /** May not throw. */
  readonly report: (status: ClientStatus) => void;
}
