import { AbortGroup } from './abort-group.ts';
import type { OpenedLine } from './client-platform.ts';
import { delay } from './time-limit.ts';

/**
 * Opens a connection; when it is not there after a while, a second one beside it, and takes the first that is: the system
 * repeats a lost SYN only after a second (RFC 6298), and whoever leaves a line in a hurry is losing packets.
 * @param open makes one connection.
 * @param afterMs how long the first one has for itself.
 * @throws what the first threw; when it fails before there is a second, there is none.
 */
export async function openTwice(
  open: (signal: AbortSignal) => Promise<OpenedLine>,
  afterMs: number,
  signal: AbortSignal,
): Promise<OpenedLine> {
  const attempts = new AbortGroup();
  const stop = (): void => attempts.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  let taken: OpenedLine | undefined;
  const attempt = async (): Promise<OpenedLine> => {
    const opened = await attempts.run(open);
    if (taken !== undefined) await opened.carrier.close();
    return (taken ??= opened);
  };
  const first = attempt();
  const patience = attempts.run((own) => delay(afterMs, own));
  // What fails at once is told at once.
  const second = Promise.race([patience, first]).then(() => taken ?? attempt());
  try {
    return await Promise.any([first, second]);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    signal.removeEventListener('abort', stop);
    attempts.abort();
    await Promise.allSettled([first, second]);
  }
}
