import type { TicketKey } from '../../../src/crypto/ticket-keyring.ts';

/** Seals the tickets of an echo server that is measured, so that its clients can make theirs beforehand. No secret. */
export const BENCH_TICKET_KEY: TicketKey = { id: 1, key: new Uint8Array(32).fill(7) };
