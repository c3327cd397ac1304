import { formatIp, parseIp, type SocketAddress } from '../../src/base/address.ts';
import type { ProxyHeader } from '../../src/wire/proxy-header.ts';
import type { Carrier } from '../../src/carrier/carrier.ts';
import type { LineClient, RelayLines } from '../../src/carrier/relay-lines.ts';
import type { RelayDropReason } from '../../src/carrier/relay-stats.ts';

interface Line {
  readonly carrier: Carrier;
  /** The IP address it is bound to, as a header gives it back. */
  readonly address: string;
  readonly transport: ProxyHeader['transport'];
  /** It has something to be flushed. */
  isDirty: boolean;
}

/** The lines of a gateway without an endpoint, by the numbers of their ports. */
export class LineTable implements RelayLines {
  readonly #lines: (Line | undefined)[] = [];

  /**
   * Adds a line. Its arena is written to, and flushed, between the batches of the relay: whoever else writes to it must
   * flush it before returning to the event loop.
   */
  attach(port: number, carrier: Carrier): void {
    const transport = carrier.connections === undefined ? 'datagram' : 'stream';
    const { address } = carrier.localAddress;
    const ip = parseIp(address);
    this.#lines[port] = {
      carrier,
      address: ip === undefined ? address : formatIp(ip),
      transport,
      isDirty: false,
    };
  }

  detach(port: number): void {
    this.#lines[port] = undefined;
  }

  clientOf(port: number, slot: number): LineClient | undefined {
    const line = this.#lines[port];
    if (line === undefined) return undefined;
    const { carrier, transport } = line;
    try {
      return { address: carrier.addressOf(slot), line: carrier.localAddress, transport };
    } catch {
      // The slot is not in use.
      return undefined;
    }
  }

  portOf({ address, port }: SocketAddress, transport: ProxyHeader['transport']): number {
    return this.#lines.findIndex(
      (line) =>
        line?.transport === transport && line.address === address && line.carrier.localAddress.port === port,
    );
  }

  intern(port: number, client: SocketAddress): number {
    return this.#lines[port]?.carrier.intern(client) ?? -1;
  }

  retain(port: number, slot: number): void {
    this.#lines[port]?.carrier.retain(slot);
  }

  release(port: number, slot: number): void {
    this.#lines[port]?.carrier.release(slot);
  }

  send(
    port: number,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): RelayDropReason | undefined {
    const line = this.#lines[port];
    if (line === undefined) return 'relay_unknown_line';
    const { carrier } = line;
    const { arena, connections } = carrier;
    if (length > carrier.capabilities.maxDatagramBytes) return 'relay_oversize';
    if (connections !== undefined && connections.queuedBytes(slot) > connections.highWaterBytes) {
      return 'relay_line_full';
    }
    arena.target = slot;
    let at = arena.reserve(length);
    if (at < 0) {
      carrier.flush();
      at = arena.reserve(length);
      if (at < 0) return 'relay_oversize';
    }
    arena.bytes.set(bytes.subarray(offset, offset + length), at);
    arena.commit(length);
    line.isDirty = true;
    return undefined;
  }

  flush(): void {
    for (const line of this.#lines) {
      if (line?.isDirty !== true) continue;
      line.isDirty = false;
      line.carrier.flush();
    }
  }
}
