import { CloseCode } from '../base/close-code.ts';
import { GatewayError, type GatewayErrorCode } from '../base/errors.ts';
import { closeInfo, type CloseInfo } from './connection-status.ts';
import type { OpenFailure } from './session-succession.ts';

/** What an error of a login, of a line or of a gateway means for the next attempt to open a connection. */
export function openFailure(thrown: unknown): OpenFailure {
  const error = GatewayError.from(thrown);
  const refusal = refusalOf(error);
  if (refusal !== undefined) return { isFinal: !refusal.mayReconnect, close: refusal };
  const code = CLOSE_CODES[error.code] ?? CloseCode.retriesExhausted;
  return {
    isFinal: !PASSING.has(error.code),
    close: closeInfo(code, error.message),
  };
}

/** How a gateway refused. */
function refusalOf({ code, message, details }: GatewayError): CloseInfo | undefined {
  const closeCode = details?.code;
  if (code !== 'session_closed' || !isCloseCode(closeCode)) return undefined;
  const retryAfterMs = details?.retryAfterMs;
  return closeInfo(closeCode, message, typeof retryAfterMs === 'number' ? retryAfterMs : 0);
}

const isCloseCode = (value: unknown): value is CloseCode =>
  Object.values(CloseCode).some((code) => code === value);

/** What another attempt may not meet again. */
const PASSING: ReadonlySet<GatewayErrorCode> = new Set([
  'connect_failed',
  'connect_timeout',
  'login_failed',
  'session_closed',
  'io_failed',
]);

const CLOSE_CODES: Readonly<Partial<Record<GatewayErrorCode, CloseCode>>> = {
  login_refused: CloseCode.authFailed,
};
