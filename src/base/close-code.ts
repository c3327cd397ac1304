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

/** What is said of each in one sentence. */
const TEXTS: Readonly<Record<CloseCode, string>> = {
  1000: 'Both directions finished.',
  3000: 'Nothing arrived from the peer for the idle timeout.',
  3001: 'The gateway is shutting down or being drained.',
  3002: 'The peer did not take its data fast enough.',
  3003: 'A segment was sent too many times without an acknowledgement.',
  3004: 'The gateway does not know this session any more; log in again.',
  3005: 'The back end could not be reached or failed.',
  3006: 'The gateway sheds load.',
  3007: 'The ticket is no longer valid; log in again.',
  3008: 'The keys of this session are used up; log in again.',
  3500: 'An operator or the application ended the session.',
  3501: 'The credentials were refused.',
  3502: 'The same client opened another session.',
  3503: 'The peer broke the protocol.',
  3504: 'The peer is blocked.',
  3505: 'A message was larger than the receiver can hold.',
  3506: 'The client gave up after too many attempts.',
};

/** Every close code, in numeric order. A bundle without it has no sentences. */
export const CLOSE_CODES: readonly CloseCodeInfo[] = /* @__PURE__ */ Object.values(CloseCode).map((code) => ({
  code,
  name: closeCodeName(code),
  text: TEXTS[code],
}));

/** The name of a close code, or `code_<n>` for one that is not in the table. */
export function closeCodeName(code: number): string {
  const [key] = Object.entries(CloseCode).find(([, known]) => known === code) ?? [`code_${String(code)}`];
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Whether a client may reconnect (with backoff) after this code. */
export function mayReconnect(code: number): boolean {
  return code >= 3000 && code < 3500;
}
