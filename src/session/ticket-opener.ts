import type { TicketBody } from '../wire/ticket.ts';

/** Why a ticket was refused: the names it is counted under. */
export type TicketFault = 'ticket_malformed' | 'ticket_unknown_key' | 'ticket_forged';

/** Opens tickets that a login service sealed. */
export interface TicketOpener {
  /**
   * Opens `length` bytes at `at`. Cheap checks come before cryptography; whether it has expired, or is for another
   * conversation, is for the caller to see.
   */
  open(bytes: Uint8Array, at: number, length: number): TicketBody | TicketFault;
}
