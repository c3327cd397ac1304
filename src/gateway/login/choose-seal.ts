import type { Seal } from '../config/config.ts';

/**
 * The seal of a login's sessions: the one the gateway prefers, if the client can do it, else the other.
 * @param wanted what the client can do; undefined when it says nothing, which is to take what comes.
 * @param clearAllowed whether there is a line that sessions without seal may use.
 * @returns undefined when there is none that both can do.
 */
export function chooseSeal(
  preferred: Seal,
  wanted: readonly string[] | undefined,
  clearAllowed: boolean,
): Seal | undefined {
  const order: readonly Seal[] = preferred === 'clear' ? ['clear', 'aes-128-gcm'] : ['aes-128-gcm', 'clear'];
  return order.find((seal) => (seal !== 'clear' || clearAllowed) && wanted?.includes(seal) !== false);
}
