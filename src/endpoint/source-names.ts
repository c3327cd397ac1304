import { networkOfSource, sourceKey } from '../base/address.ts';
import type { EndpointPort } from './endpoint-port.ts';

/**
 * Names of senders, for limits per source. Datagrams come in runs from one sender, in a flood above all: the last one is
 * remembered, because finding out an address costs more than dropping a datagram.
 */
export class SourceNames {
  private port: EndpointPort | undefined;
  private slot = 0;
  private key = '';
  private network = '';

  /** As `sourceKey`. @param slot of a datagram of the batch. */
  keyOf(port: EndpointPort, slot: number): string {
    if (this.port !== port || this.slot !== slot) this.find(port, slot);
    return this.key;
  }

  /** As `networkOfSource`. @param slot of a datagram of the batch. */
  networkOf(port: EndpointPort, slot: number): string {
    if (this.port !== port || this.slot !== slot) this.find(port, slot);
    return this.network;
  }

  /** Another batch begins: its slots may stand for others. */
  forget(): void {
    this.port = undefined;
  }

  private find(port: EndpointPort, slot: number): void {
    this.key = sourceKey(port.carrier.addressOf(slot));
    this.network = networkOfSource(this.key);
    this.port = port;
    this.slot = slot;
  }
}
