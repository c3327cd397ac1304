import type { Flow } from '../found-datagram.ts';
import type { DatagramOutlet } from './datagram-outlet.ts';
import { destinationOf, sourceOf, takePorts } from './flow-key.ts';
import { FlowTable } from './flow-table.ts';
import { GluedDatagrams } from './glued-datagrams.ts';
import type { IpPayload } from './ip-layer.ts';
import type { Notices } from './notices.ts';

/** Finds the datagram and the flow of a UDP packet; several, when they were captured as one. */
export class UdpLayer {
  readonly #outlet: DatagramOutlet;
  readonly #notices: Notices;
  readonly #flows = new FlowTable<Flow>(MAX_FLOWS);
  readonly #glued = new GluedDatagrams();

  constructor(outlet: DatagramOutlet, notices: Notices) {
    this.#outlet = outlet;
    this.#notices = notices;
  }

  take(payload: IpPayload): void {
    const { key, bytes, view, at, end, missing } = payload;
    if (end - at < UDP_HEADER_BYTES) return this.#refuse();
    const there = end + missing - at;
    // 0 stands for more than the field can say.
    const length = view.getUint16(at + 4) || there;
    if (length < UDP_HEADER_BYTES || length > there) return this.#refuse();
    takePorts(key, view, at);
    let flow = this.#flows.find(key);
    if (flow === undefined) {
      flow = this.#outlet.newFlow('udp', sourceOf(key), destinationOf(key));
      this.#flows.add(key, flow);
    }
    const isFromA = this.#flows.isForward;
    const dataAt = at + UDP_HEADER_BYTES;
    const total = length - UDP_HEADER_BYTES;
    const kept = Math.min(end - dataAt, total);
    const size = this.#glued.sizeOf(bytes, view, dataAt, kept, total);
    if (size === 0) this.#outlet.hand(flow, isFromA, bytes, dataAt, kept, total - kept);
    else this.#handGlued(flow, isFromA, bytes, dataAt, kept, total, size);
  }

  #handGlued(
    flow: Flow,
    isFromA: boolean,
    bytes: Uint8Array,
    at: number,
    kept: number,
    total: number,
    size: number,
  ): void {
    for (let from = 0; from < kept; from += size) {
      const length = Math.min(size, total - from);
      const there = Math.min(length, kept - from);
      this.#outlet.hand(flow, isFromA, bytes, at + from, there, length - there);
    }
  }

  #refuse(): void {
    this.#notices.tell('header_damaged', 'the length of a UDP packet does not fit');
  }
}

const UDP_HEADER_BYTES = 8;
/** Remembered in either direction; one that was forgotten is a new flow when it speaks again. */
const MAX_FLOWS = 16_384;
