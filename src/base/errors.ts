/**
 * What can go wrong, as codes that callers may branch on, each with a sentence for people.
 *
 * Only for what a caller cannot foresee: a full queue or a refused message on the packet path is a return value.
 */
export const GATEWAY_ERRORS = {
  config_invalid: 'The configuration is not valid.',
  bind_failed: 'A listening socket could not be opened.',
  address_in_use: 'Another socket already listens on this address.',
  permission_denied: 'The operating system does not allow this.',
  connect_failed: 'The connection could not be made.',
  connect_timeout: 'The connection was not made in time.',
  login_failed: 'No usable answer came to the login.',
  login_refused: 'The login was refused.',
  retries_exhausted: 'The client gave up after too many attempts.',
  no_line: 'The login offers no such line.',
  move_failed: 'The session could not go to the other line.',
  session_closed: 'The session is closed.',
  message_too_large: 'The message is larger than the peer can receive.',
  message_empty: 'A message of zero bytes cannot be sent.',
  queue_full: 'The send queue is full.',
  io_failed: 'An input or output operation failed.',
  internal: 'An unexpected error; this is a bug.',
} as const;

/** One code of `GATEWAY_ERRORS`. */
export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS;

/** Structured context of an error, for logs. */
export type GatewayErrorDetails = Readonly<Record<string, unknown>>;

/** What a {@link GatewayError} is made with beside its code and message. */
export interface GatewayErrorOptions {
  /** What it came from. */
  readonly cause?: unknown;
  readonly details?: GatewayErrorDetails;
}

/** The one error class of the project. */
export class GatewayError extends Error {
  readonly code: GatewayErrorCode;
  /** Absent when there are none. */
  declare readonly details?: GatewayErrorDetails;

  /** @param message - what happened, for people; the code's sentence when it is left out. */
  constructor(
    code: GatewayErrorCode,
    message: string = GATEWAY_ERRORS[code],
    options: GatewayErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    if (options.details !== undefined) this.details = options.details;
  }

  /** Anything that was thrown, as a GatewayError: itself if it is one, otherwise an `internal` one caused by it. */
  static from(thrown: unknown): GatewayError {
    if (thrown instanceof GatewayError) return thrown;
    const message = thrown instanceof Error ? thrown.message : typeof thrown === 'string' ? thrown : '';
    return new GatewayError('internal', message === '' ? undefined : message, { cause: thrown });
  }
}
