import type { SocketAddress } from '../../base/address.ts';
import type { Carrier } from '../carrier.ts';

/** The carrier of one connection, made by this side. `intern(remoteAddress)` gives its slot; nothing else is reached. */
export interface ClientCarrier extends Carrier {
  readonly remoteAddress: SocketAddress;
}
