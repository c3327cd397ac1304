/**
 * Why a session ended. One table for KICK and FIN segments, WebSocket close frames, SDK events, metrics and the docs.
 *
 * 3000-3499: the client may reconnect, with backoff. 3500-3999: terminal. 1xxx as in RFC 6455.
 */
export const CloseCode = {
  normal: 1000,
  idleTimeout: 3000,
  drain: 3001,
  slowConsumer: 3002,
  deadLink: 3003,
  staleSession: 3004,
  upstreamUnavailable: 3005,
  overload: 3006,
  ticketExpired: 3007,
  rekeyRequired: 3008,
  kicked: 3500,
  authFailed: 3501,
  replaced: 3502,
  protocolError: 3503,
  blocked: 3504,
  messageTooLarge: 3505,
  retriesExhausted: 3506,
} as const;

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** One row of the close code table. */
export interface CloseCodeInfo {
  readonly code: CloseCode;
  /** The name used in logs, metrics and events. */
  readonly name: string;
  /** One sentence for people. */
  readonly text: string;
}

const ROWS: readonly CloseCodeInfo[] = [
  { code: 1000, name: 'normal', text: 'Both directions finished.' },
  { code: 3000, name: 'idle_timeout', text: 'Nothing arrived from the peer for the idle timeout.' },
  { code: 3001, name: 'drain', text: 'The gateway is shutting down or being drained.' },
  { code: 3002, name: 'slow_consumer', text: 'The peer did not take its data fast enough.' },
  { code: 3003, name: 'dead_link', text: 'A segment was sent too many times without an acknowledgement.' },
  {
    code: 3004,
    name: 'stale_session',
    text: 'The gateway does not know this session any more; log in again.',
  },
  { code: 3005, name: 'upstream_unavailable', text: 'The back end could not be reached or failed.' },
  { code: 3006, name: 'overload', text: 'The gateway sheds load.' },
  { code: 3007, name: 'ticket_expired', text: 'The ticket is no longer valid; log in again.' },
  { code: 3008, name: 'rekey_required', text: 'The keys of this session are used up; log in again.' },
  { code: 3500, name: 'kicked', text: 'An operator or the application ended the session.' },
  { code: 3501, name: 'auth_failed', text: 'The credentials were refused.' },
  { code: 3502, name: 'replaced', text: 'The same client opened another session.' },
  { code: 3503, name: 'protocol_error', text: 'The peer broke the protocol.' },
  { code: 3504, name: 'blocked', text: 'The peer is blocked.' },
  { code: 3505, name: 'message_too_large', text: 'A message was larger than the receiver can hold.' },
  { code: 3506, name: 'retries_exhausted', text: 'The client gave up after too many attempts.' },
];

/** Every close code, in numeric order. */
export const CLOSE_CODES: readonly CloseCodeInfo[] = ROWS;

/** The name of a close code, or `code_<n>` for one that is not in the table. */
export function closeCodeName(code: number): string {
  return ROWS.find((row) => row.code === code)?.name ?? `code_${String(code)}`;
}

/** Whether a client may reconnect (with backoff) after this code. */
export function mayReconnect(code: number): boolean {
  return code >= 3000 && code < 3500;
}
