import type { SocketAddress } from '../../../src/base/address.ts';
import type { Endpoint } from '../../../src/endpoint/index.ts';
import { ClientEndpoints } from './client-endpoint.ts';
import { EchoSession, type EchoSamples } from './echo-session.ts';
import type { LoadOptions } from './load-options.ts';

/** Sessions that are open and do nothing. */
export interface IdleSessions {
  readonly sessions: number;
  close(): Promise<void>;
}

/**
 * Opens sessions with one echo each and leaves them alone. A few sockets carry them all: a session is an address and a
 * conversation.
 * @throws Error when not all of them got their echo in time.
 */
export async function openIdleSessions(remote: SocketAddress, load: LoadOptions): Promise<IdleSessions> {
  const clients = new ClientEndpoints(remote, load);
  const endpoints: Endpoint[] = [];
  const count = load.idleSessions;
  for (let i = 0; i < Math.min(SOCKETS, count); i++) endpoints.push(await clients.open());
  const samples: EchoSamples = { latencyMs: new Float64Array(count), count: 0, warmUpLeft: 0 };
  const opened = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), load.timeoutMs);
    let started = 0;
    const openNext = (): void => {
      if (samples.count === count) {
        clearTimeout(timer);
        resolve(true);
      }
      if (started === count) return;
      const endpoint = endpoints[started++ % endpoints.length];
      endpoint?.connect(remote, clients.kcp(false), 'stock', (port) => {
        const session = new EchoSession(port, 8, samples, openNext, () => undefined);
        session.send();
        return session;
      });
    };
    for (let i = 0; i < OPENING_AT_ONCE; i++) openNext();
  });
  if (!opened) {
    await clients.close();
    throw new Error(`only ${samples.count} of ${count} sessions opened within ${load.timeoutMs} ms`);
  }
  return { sessions: count, close: () => clients.close() };
}

const SOCKETS = 50;
const OPENING_AT_ONCE = 64;
