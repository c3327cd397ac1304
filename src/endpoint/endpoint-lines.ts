import { formatIp, parseIp, type SocketAddress } from '../base/address.ts';
import type { LineClient, RelayLines } from '../carrier/relay-lines.ts';
import type { RelayDropReason } from '../carrier/relay-stats.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { PortTable } from './port-table.ts';

/** The ports of an endpoint as a relay sees them: lines, with clients whose sessions other gateways own. */
export class EndpointLines implements RelayLines {
  private readonly ports: PortTable;
  private readonly flushAll: () => void;

  /** @param flushAll seals and sends what was written on every port. */
  constructor(ports: PortTable, flushAll: () => void) {
    this.ports = ports;
    this.flushAll = flushAll;
  }

  clientOf(number: number, slot: number): LineClient | undefined {
    const carrier = this.ports.find(number)?.carrier;
    if (carrier === undefined) return undefined;
    try {
      const address = carrier.addressOf(slot);
      return { address, line: carrier.localAddress, transport: transportOf(carrier) };
    } catch {
      // The slot is not in use.
      return undefined;
    }
  }

  portOf({ address, port }: SocketAddress, transport: LineClient['transport']): number {
    for (const { number, carrier } of this.ports) {
      const { localAddress } = carrier;
      if (localAddress.port !== port || plain(localAddress.address) !== address) continue;
      if (transportOf(carrier) === transport) return number;
    }
    return -1;
  }

  intern(number: number, client: SocketAddress): number {
    return this.ports.find(number)?.carrier.intern(client) ?? -1;
  }

  retain(number: number, slot: number): void {
    this.ports.find(number)?.carrier.retain(slot);
  }

  release(number: number, slot: number): void {
    this.ports.find(number)?.carrier.release(slot);
  }

  send(
    number: number,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): RelayDropReason | undefined {
    const port = this.ports.find(number);
    if (port === undefined) return 'relay_unknown_line';
    const { connections, capabilities } = port.carrier;
    if (length > capabilities.maxDatagramBytes) return 'relay_oversize';
    if (connections !== undefined) {
      if (connections.queuedBytes(slot) > FULL_MARKS * connections.highWaterBytes) return 'relay_line_full';
      // Somebody owns a session of this connection: it may stay.
      connections.confirm(slot);
    }
    const at = this.reserve(port, slot, length);
    if (at < 0) return 'relay_line_full';
    port.arena.bytes.set(bytes.subarray(offset, offset + length), at);
    port.arena.commitWhole(length, 0, 0, 0, 0);
    return undefined;
  }

  flush(): void {
    this.flushAll();
  }

  private reserve(port: EndpointPort, slot: number, length: number): number {
    const at = port.arenaTo(slot).selectNone().reserveWhole(length);
    if (at >= 0) return at;
    this.flushAll();
    return port.arenaTo(slot).selectNone().reserveWhole(length);
  }
}

/** As a PROXY header gives it back: IPv4 also where a socket shows it as mapped to IPv6. */
function plain(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}

const transportOf = ({ connections }: EndpointPort['carrier']): LineClient['transport'] =>
  connections === undefined ? 'datagram' : 'stream';

/** A relayed client gets no word of a full line: what is beyond so many times the mark is dropped, and sent again. */
const FULL_MARKS = 4;
