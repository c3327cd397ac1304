import { CloseCode } from '../../base/close-code.ts';
import type { SessionConnection } from './session-connection.ts';
import { refusal } from './session-opening.ts';
import { orAborted, reasonOf } from './time-limit.ts';

/**
 * Waits for the first answer.
 * @throws GatewayError `session_closed` when the peer refused (`details` have the {@link CloseInfo}); `connect_failed` when
 *   the connection broke; the reason of the signal.
 */
export async function untilOpened(
  connection: Pick<SessionConnection, 'opened' | 'closed'>,
  signal: AbortSignal,
): Promise<void> {
  const refused = connection.closed.then((info) => {
    throw refusal(info);
  });
  await orAborted(Promise.race([connection.opened, refused]), signal);
}

/** From now on the signal destroys the connection. It is let go of when the connection ends. */
export function destroyOnAbort(connection: SessionConnection, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const onAbort = (): void => void connection.destroy(CloseCode.normal, 'aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  void connection.closed.then(() => {
    signal.removeEventListener('abort', onAbort);
  });
}

/** @throws GatewayError the reason of a signal that is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}
