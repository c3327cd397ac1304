/** What the program tells its parts. `report` asks for one. */
export type SoakRequest = { readonly kind: 'report' } | { readonly kind: 'stop' };

/** What the gateway's process says. */
export type GatewayReport =
  | {
      readonly kind: 'listening';
      /** Port by listener name. */
      readonly ports: Readonly<Record<string, number>>;
    }
  | {
      readonly kind: 'report';
      readonly sessions: number;
      readonly openedSessions: number;
      readonly heapUsedBytes: number;
      readonly externalBytes: number;
    };

/** What a process of clients did so far. */
export interface ClientReport {
  readonly kind: 'report';
  /** Sessions that did all they were to do. */
  readonly finished: number;
  /** Sessions that were meant to be cut off, and were. */
  readonly cutOff: number;
  readonly verifiedBytes: number;
  /** Bytes that were wrong, and sessions that ended otherwise than they should. The first few, in words. */
  readonly failures: number;
  readonly failureTexts: readonly string[];
}
