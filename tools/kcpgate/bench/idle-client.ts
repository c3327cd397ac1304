import type { SocketAddress } from '../../../src/base/address.ts';
import { ClientEndpoints } from './client-endpoint.ts';
import type { LoadOptions } from './load-options.ts';
import { openMany } from './open-many.ts';

/** Sessions that are open and do nothing. */
export interface IdleSessions {
  readonly sessions: number;
  close(): Promise<void>;
}

/**
 * Opens sessions with one echo each and leaves them alone.
 * @throws Error when not all of them got their echo in time.
 */
export async function openIdleSessions(server: SocketAddress, load: LoadOptions): Promise<IdleSessions> {
  const clients = await ClientEndpoints.to(server, load);
  try {
    await openMany(clients, load.idleSessions, load);
  } catch (error) {
    await clients.close();
    throw error;
  }
  return { sessions: load.idleSessions, close: () => clients.close() };
}
