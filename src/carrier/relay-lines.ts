import type { SocketAddress } from '../base/address.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';
import type { RelayDropReason } from './relay-stats.ts';

/** A client on one of this gateway's lines. */
export interface LineClient {
  readonly address: SocketAddress;
  /** The line's own address: names the line among those of its transport. */
  readonly line: SocketAddress;
  readonly transport: ProxyHeader['transport'];
}

/**
 * What a relay asks of whoever has the lines of this gateway. A client is named by the number of the line's port and its
 * address slot there; both are kept, so everything that makes objects or text is asked once a client.
 */
export interface RelayLines {
  /** Who is behind a slot; undefined when the slot or the port is not in use. */
  clientOf(port: number, slot: number): LineClient | undefined;
  /** The number of the port of a line; -1 when there is none with that address and transport. */
  portOf(line: SocketAddress, transport: ProxyHeader['transport']): number;
  /** The slot of a client on a line, retained once; -1 when it cannot be reached there. */
  intern(port: number, client: SocketAddress): number;
  retain(port: number, slot: number): void;
  release(port: number, slot: number): void;
  /** Puts a datagram on its way to a client. @returns why not, if it was not taken. */
  send(
    port: number,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): RelayDropReason | undefined;
  /** Sends what `send` took. */
  flush(): void;
}
