import type { SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import type { Carrier } from '../carrier.ts';
import type { Connection } from './connection.ts';
import { ConnectionCarrier, type ConnectionCarrierKind } from './connection-carrier.ts';
import type { ConnectionConfig } from './connection-options.ts';

/**
 * The carrier of one connection, made by this side. `intern(remoteAddress)` gives its slot, 0, while the connection
 * lives; nothing else is reached.
 */
export interface ClientCarrier extends Carrier {
  readonly remoteAddress: SocketAddress;
}

/** Makes the carrier of a connection that is made. @param connect gives it the connection. */
export function createClientCarrier(
  own: Pick<ConnectionCarrierKind, 'kind' | 'headBytes' | 'minDatagramBytes'>,
  localAddress: SocketAddress,
  remoteAddress: SocketAddress,
  config: ConnectionConfig,
  connect: (carrier: ConnectionCarrier) => Connection,
): ClientCarrier {
  const carrier = new ConnectionCarrier(
    {
      ...own,
      localAddress,
      maxSlots: 1,
      confirmTimeoutMs: 0,
      closeCode: CloseCode.normal,
      stopAccepting: () => Promise.resolve(),
      left: () => undefined,
    },
    config,
  );
  carrier.open(connect(carrier), remoteAddress);
  return Object.assign(carrier, { remoteAddress });
}
