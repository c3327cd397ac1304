import { GatewayError, type GatewayErrorCode, type GatewayErrorDetails } from './errors.ts';

/** What Node's system errors have in common, as far as it is read here. */
export interface SystemErrorLike {
  /** The name of the error number, `ECONNREFUSED` for one. */
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/**
 * The gateway's code for a Node system error.
 * @param fallback - the code of what was being done, for an error number that says nothing more precise.
 */
export function gatewayCodeOf(
  error: SystemErrorLike,
  fallback: GatewayErrorCode = 'io_failed',
): GatewayErrorCode {
  return CAUSES.get(error.code ?? '')?.code ?? fallback;
}

/**
 * What happened in a few lower-case words that name no address and no path, so that a peer may read them:
 * "connection refused".
 */
export function describeSystemError(error: SystemErrorLike): string {
  return CAUSES.get(error.code ?? '')?.words ?? 'input or output failed';
}

/** A Node system error as a {@link GatewayError}; its message is the system's, which names the address. */
export function fromSystemError(
  error: SystemErrorLike,
  fallback: GatewayErrorCode = 'io_failed',
  details?: GatewayErrorDetails,
): GatewayError {
  const options = details === undefined ? { cause: error } : { cause: error, details };
  return new GatewayError(gatewayCodeOf(error, fallback), error.message, options);
}

interface Cause {
  /** Absent when only what was being done tells. */
  readonly code?: GatewayErrorCode;
  readonly words: string;
}

const CAUSES: ReadonlyMap<string, Cause> = new Map<string, Cause>([
  ['EADDRINUSE', { code: 'address_in_use', words: 'address in use' }],
  ['EADDRNOTAVAIL', { words: 'address not available' }],
  ['EACCES', { code: 'permission_denied', words: 'permission denied' }],
  ['EPERM', { code: 'permission_denied', words: 'operation not permitted' }],
  ['EAFNOSUPPORT', { words: 'address family not supported' }],
  ['ECONNREFUSED', { code: 'connect_failed', words: 'connection refused' }],
  ['EHOSTUNREACH', { code: 'connect_failed', words: 'host unreachable' }],
  ['ENETUNREACH', { code: 'connect_failed', words: 'network unreachable' }],
  ['ETIMEDOUT', { code: 'connect_timeout', words: 'connection timed out' }],
  ['ECONNRESET', { words: 'connection reset' }],
  ['ECONNABORTED', { words: 'connection aborted' }],
  ['EPIPE', { words: 'connection reset' }],
  ['ENOTFOUND', { code: 'connect_failed', words: 'host name not found' }],
  ['EAI_AGAIN', { code: 'connect_failed', words: 'host name could not be looked up' }],
  ['EMSGSIZE', { code: 'message_too_large', words: 'message too large' }],
  ['EMFILE', { words: 'too many open files' }],
  ['ENFILE', { words: 'too many open files on this system' }],
  ['ENOBUFS', { words: 'no buffer space' }],
  ['ENOMEM', { words: 'out of memory' }],
]);
