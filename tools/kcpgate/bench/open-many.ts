import { ClientEndpoints } from './client-endpoint.ts';
import { EchoSession, type EchoSamples } from './echo-session.ts';
import type { LoadOptions } from './load-options.ts';
import type { SessionOpener } from './session-opener.ts';

/**
 * Opens sessions with one echo each, {@link OPENING_AT_ONCE} at a time. A few sockets carry them all: a session is an
 * address and a conversation, or what its ticket says.
 * @param onOpen told how many there are.
 * @throws Error when not all of them got their echo in time; the clients stay as they are.
 */
export async function openMany(
  clients: ClientEndpoints,
  count: number,
  { timeoutMs }: LoadOptions,
  onOpen: (open: number) => void = () => undefined,
): Promise<void> {
  const openers: SessionOpener[] = [];
  for (let i = 0; i < Math.min(SOCKETS, count); i++) openers.push(await clients.open());
  clients.login?.prepare(count);
  const samples: EchoSamples = { latencyMs: new Float64Array(count), count: 0, warmUpLeft: 0 };
  const failure = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => settle(`not within ${timeoutMs} ms`), timeoutMs);
    const settle = (reason?: string): void => {
      clearTimeout(timer);
      resolve(reason);
    };
    let started = 0;
    const openNext = (): void => {
      if (started === count) return;
      const opener = openers[started++ % openers.length];
      opener?.connect(false, (port) => {
        const session = new EchoSession(port, 8, samples, opened, settle);
        session.send();
        return session;
      });
    };
    const opened = (): void => {
      onOpen(samples.count);
      if (samples.count === count) settle();
      openNext();
    };
    for (let i = 0; i < OPENING_AT_ONCE; i++) openNext();
  });
  if (failure !== undefined) throw new Error(`only ${samples.count} of ${count} sessions opened: ${failure}`);
}

const SOCKETS = 50;
const OPENING_AT_ONCE = 64;
