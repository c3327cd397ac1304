import type { Flow, FlowEnd, FoundDatagramSink } from '../found-datagram.ts';

/**
 * Makes one capture of several: packets are counted through, and what goes between the same ends over the same carrier is one
 * flow, whichever file it is in.
 */
export class JoinedFlows {
  readonly #sink: FoundDatagramSink;
  readonly #byEnds = new Map<string, Flow>();
  #nextIndex = 0;

  constructor(sink: FoundDatagramSink) {
    this.#sink = sink;
  }

  /** What takes the datagrams of the next file. @param packetsBefore packets of the files before it. */
  sinkOf(packetsBefore: number): FoundDatagramSink {
    const known = new WeakMap<Flow, Flow>();
    return (found) => {
      let flow = known.get(found.flow);
      if (flow === undefined) {
        flow = this.#flowOf(found.flow);
        known.set(found.flow, flow);
      }
      const isFromA = found.isFromA === isSame(flow.a, found.flow.a);
      this.#sink({ ...found, packet: found.packet + packetsBefore, flow, isFromA });
    };
  }

  #flowOf(flow: Flow): Flow {
    const { carrier, a, b } = flow;
    const found = this.#byEnds.get(keyOf(carrier, a, b)) ?? this.#byEnds.get(keyOf(carrier, b, a));
    if (found !== undefined) return found;
    // The oldest is forgotten: it would be another flow from then on.
    if (this.#byEnds.size >= MAX_FLOWS) this.#byEnds.delete(this.#byEnds.keys().next().value ?? '');
    const joined: Flow = { index: this.#nextIndex, carrier, a, b };
    this.#nextIndex += 1;
    this.#byEnds.set(keyOf(carrier, a, b), joined);
    return joined;
  }
}

const keyOf = (carrier: string, a: FlowEnd, b: FlowEnd): string =>
  `${carrier} ${a.address} ${a.port} ${b.address} ${b.port}`;

const isSame = (one: FlowEnd, other: FlowEnd): boolean =>
  one.address === other.address && one.port === other.port;

const MAX_FLOWS = 100_000;
