import type { PacketCipher } from '../base/packet-cipher.ts';
import type { Carrier } from '../carrier/carrier.ts';
import type { PortConfig } from './endpoint-config.ts';
import { EndpointPort } from './endpoint-port.ts';

/** The ports of an endpoint, by their numbers. */
export class PortTable {
  private readonly ports: (EndpointPort | undefined)[] = [];
  /** Ports whose last path was given up, to be closed after the turn. */
  private readonly unused: number[] = [];
  /** Carriers that were given up and are not closed yet. */
  private readonly leaving = new Set<Promise<void>>();

  add(carrier: Carrier, config: PortConfig): EndpointPort {
    const free = this.ports.indexOf(undefined);
    const number = free < 0 ? this.ports.length : free;
    return (this.ports[number] = new EndpointPort(number, carrier, config));
  }

  find(number: number): EndpointPort | undefined {
    return this.ports[number];
  }

  /** @throws RangeError when there is none. */
  at(number: number): EndpointPort {
    const port = this.ports[number];
    if (port === undefined) throw new RangeError(`there is no port ${number}`);
    return port;
  }

  /** Forgets a port and closes its carrier. */
  remove(port: EndpointPort): Promise<void> {
    this.ports[port.number] = undefined;
    const left = port.carrier.close();
    const forget = (): void => void this.leaving.delete(left);
    this.leaving.add(left);
    left.then(forget, forget);
    return left;
  }

  /** Nothing uses the port any more; {@link takeUnused} finds it. */
  markUnused(port: EndpointPort): void {
    if (port.pathCount === 0 && port.config.closeWhenUnused === true) this.unused.push(port.number);
  }

  /** Ports that still have no path since they were marked. */
  takeUnused(): EndpointPort[] {
    if (this.unused.length === 0) return [];
    return this.unused.splice(0).flatMap((number) => {
      const port = this.ports[number];
      return port?.pathCount === 0 ? [port] : [];
    });
  }

  /** Seals and sends what was written on every port. */
  flush(cipher: PacketCipher | undefined): void {
    for (const port of this.ports) port?.flush(cipher);
  }

  /** Some port has more to read than its last batch. */
  get isMoreWaiting(): boolean {
    for (const port of this.ports) if (port?.moreWaiting === true) return true;
    return false;
  }

  *[Symbol.iterator](): IterableIterator<EndpointPort> {
    for (const port of this.ports) if (port !== undefined) yield port;
  }

  /** Closes every carrier, and waits for those that were given up before. */
  async close(): Promise<void> {
    await Promise.all([...this.leaving, ...this.ports.map((port) => port?.carrier.close())]);
  }
}
