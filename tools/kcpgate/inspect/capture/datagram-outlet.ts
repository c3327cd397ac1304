import type { Flow, FlowEnd, FoundCarrier, FoundDatagram, FoundDatagramSink } from '../found-datagram.ts';
import type { CaptureCounters } from './capture-counters.ts';

/** Where found datagrams leave a reader: numbers flows, counts, and fills the one object that is handed over. */
export class DatagramOutlet {
  readonly #sink: FoundDatagramSink;
  readonly #counters: CaptureCounters;
  readonly #found: FoundDatagram;
  #nextFlow = 0;

  constructor(sink: FoundDatagramSink, counters: CaptureCounters) {
    this.#sink = sink;
    this.#counters = counters;
    this.#found = {
      packet: 0,
      timeUs: 0,
      flow: { index: -1, carrier: 'udp', a: NOWHERE, b: NOWHERE },
      isFromA: true,
      bytes: new Uint8Array(0),
      offset: 0,
      length: 0,
      missingBytes: 0,
      isProxyHeader: false,
      comment: '',
    };
  }

  /** A flow that was not seen before. @param a whoever sent first, or connected. */
  newFlow(carrier: FoundCarrier, a: FlowEnd, b: FlowEnd): Flow {
    return { index: this.#nextFlow++, carrier, a, b };
  }

  /** A packet begins: what follows is of its time, and has its comment. */
  begin(timeUs: number, comment: string): void {
    this.#found.packet = this.#counters.packets;
    this.#found.timeUs = timeUs;
    this.#found.comment = comment;
  }

  hand(
    flow: Flow,
    isFromA: boolean,
    bytes: Uint8Array,
    offset: number,
    length: number,
    missingBytes: number,
    isProxyHeader = false,
  ): void {
    const found = this.#found;
    found.flow = flow;
    found.isFromA = isFromA;
    found.bytes = bytes;
    found.offset = offset;
    found.length = length;
    found.missingBytes = missingBytes;
    found.isProxyHeader = isProxyHeader;
    this.#counters.datagrams++;
    this.#sink(found);
  }
}

const NOWHERE: FlowEnd = { address: '', port: 0 };
