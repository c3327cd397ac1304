import type { EndpointPort } from './endpoint-port.ts';

/** Takes datagrams of sessions that other gateways own. */
export interface Relay {
  /** Whether the gateway with that id is one that can be relayed to. */
  knows(owner: number): boolean;
  /**
   * Sends a datagram on to the gateway that owns its session, with the client's address and that of the line.
   * @param port where it came in. @param slot its sender there.
   * @returns false when that gateway is not known or cannot be reached.
   */
  forward(
    owner: number,
    port: EndpointPort,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean;
  /** The last {@link forward} was refused only because nothing more fits until the next flush. */
  readonly isFull: boolean;
  /** A client that is gone for good, such as a connection that broke. */
  forget(port: EndpointPort, slot: number): void;
}
