import { formatSocketAddress, networkOfSource, sourceKey, type SocketAddress } from '../base/address.ts';
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
  private isItsOwn = false;
  private hash = 0;

  /** As `sourceKey`. @param slot of a datagram of the batch. */
  keyOf(port: EndpointPort, slot: number): string {
    if (this.port !== port || this.slot !== slot) this.find(port, slot);
    return this.key;
  }

  /**
   * As `networkOfSource`; of a proxy that names nobody its address with the port: clients that it does name can say that
   * they are of its network, and those whose header was lost have other ports of it. @param slot of a datagram of the batch. */
  networkOf(port: EndpointPort, slot: number): string {
    if (this.port !== port || this.slot !== slot) this.find(port, slot);
    return this.network;
  }

  /** A trusted proxy that names no client: it asks for itself. @param slot of a datagram of the batch. */
  isProxy(port: EndpointPort, slot: number): boolean {
    if (port.config.isTrustedProxy === undefined) return false;
    if (this.port !== port || this.slot !== slot) this.find(port, slot);
    return this.isItsOwn;
  }

  /** A number for the address, port included, and the line; others may have the same. @param slot of a datagram of the batch. */
  hashOf(port: EndpointPort, slot: number): number {
    if (this.port !== port || this.slot !== slot) this.find(port, slot);
    return this.hash;
  }

  /** Another batch begins: its slots may stand for others. */
  forget(): void {
    this.port = undefined;
  }

  private find(port: EndpointPort, slot: number): void {
    const address = port.carrier.addressOf(slot);
    this.key = sourceKey(address);
    this.hash = hashOfAddress(address, port.number);
    const isNamed = port.carrier.proxyOf?.(slot) !== undefined;
    this.isItsOwn = !isNamed && port.config.isTrustedProxy?.(address.address) === true;
    this.network = this.isItsOwn ? formatSocketAddress(address) : networkOfSource(this.key);
    this.port = port;
    this.slot = slot;
  }
}

/** FNV-1a. */
function hashOfAddress({ address, port }: SocketAddress, line: number): number {
  let hash = Math.imul(0x811c9dc5 ^ line, FNV_PRIME);
  for (let i = 0; i < address.length; i++) hash = Math.imul(hash ^ address.charCodeAt(i), FNV_PRIME);
  return Math.imul(hash ^ port, FNV_PRIME);
}

const FNV_PRIME = 0x01000193;
