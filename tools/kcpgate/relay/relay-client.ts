import type { Outlet } from './outlet.ts';

/** An IP address and port. */
export interface RelayEnd {
  readonly address: string;
  readonly port: number;
}

/** A client, as a relay knows it. */
export class RelayClient {
  readonly kind = 'client';
  /** Its address slot at the front. */
  readonly slot: number;
  readonly end: RelayEnd;
  upstream = new Upstream(this);
  /** When it sent last, and when anything came for it. */
  lastSentMs: number;
  lastHeardMs: number;
  /** Datagrams on their way to it. */
  inFlight = 0;
  /** Forgotten: its slot may be another's by now. */
  isGone = false;

  constructor(slot: number, end: RelayEnd, nowMs: number) {
    this.slot = slot;
    this.end = end;
    this.lastSentMs = nowMs;
    this.lastHeardMs = nowMs;
  }
}

/** A socket that speaks to the target in the name of a client. */
export class Upstream {
  readonly kind = 'upstream';
  readonly client: RelayClient;
  /** null while it is being opened. */
  outlet: Outlet | null = null;
  /** The target's address slot there. */
  slot = -1;
  /** What is due and waits until it is open: entries of the queue. */
  readonly waiting: number[] = [];
  /** Datagrams on their way from it, those that wait included. */
  inFlight = 0;
  /** Its client has another one now. */
  isRetired = false;
  /** It could not be opened. */
  hasFailed = false;

  constructor(client: RelayClient) {
    this.client = client;
  }
}
