import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';
import { withinTime } from './time-limit.ts';

/** One of the addresses of a line's host; undefined where the platform looks names up by itself. */
export type LineAddress = SocketAddress | undefined;

/**
 * Tries addresses one after the other until one will do. All but the last get a limited time, because nothing tells that
 * nobody is there on UDP.
 * @param attempt ends when its signal is aborted.
 * @throws what the last attempt failed with; at once when a gateway refused, or when the signal is aborted.
 */
export async function tryAddresses<Result>(
  [address, ...others]: readonly LineAddress[],
  signal: AbortSignal,
  attempt: (address: LineAddress, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (others.length === 0) return attempt(address, signal);
  try {
    return await withinTime({ timeoutMs: ADDRESS_TIMEOUT_MS, signals: [signal] }, (limit) =>
      attempt(address, limit),
    );
  } catch (error) {
    const isRefused = error instanceof GatewayError && error.code === 'session_closed';
    if (signal.aborted || isRefused) throw error;
    return tryAddresses(others, signal, attempt);
  }
}

const ADDRESS_TIMEOUT_MS = 1_500;
