import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';
import type { HostAddresses } from './resolve-host.ts';
import { withinTime } from './time-limit.ts';

/**
 * Tries addresses one after the other until one will do. All but the last get a limited time, because nothing tells that
 * nobody is there on UDP.
 * @param attempt ends when its signal is aborted.
 * @throws what the last attempt failed with; at once when a gateway refused, or when the signal is aborted.
 */
export async function tryAddresses<Result>(
  addresses: HostAddresses,
  signal: AbortSignal,
  attempt: (address: SocketAddress, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const [address, ...others] = addresses;
  const [next, ...rest] = others;
  if (next === undefined) return attempt(address, signal);
  try {
    return await withinTime({ timeoutMs: ADDRESS_TIMEOUT_MS, signals: [signal] }, (limit) =>
      attempt(address, limit),
    );
  } catch (error) {
    const isRefused = error instanceof GatewayError && error.code === 'session_closed';
    if (signal.aborted || isRefused) throw error;
    return tryAddresses([next, ...rest], signal, attempt);
  }
}

const ADDRESS_TIMEOUT_MS = 1_500;
