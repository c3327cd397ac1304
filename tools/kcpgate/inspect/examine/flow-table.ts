import { ClockRing } from '../clock-ring.ts';
import type { Flow } from '../found-datagram.ts';
import { FlowState } from './flow-state.ts';

/** What is known of each flow. Those that give way were used long ago. */
export class FlowTable {
  /** Flows that gave way. */
  forgotten = 0;
  readonly #maxFlows: number;
  readonly #onForget: (flow: FlowState) => void;
  readonly #byFlow = new Map<Flow, FlowState>();
  readonly #ring = new ClockRing<FlowState>();
  #last: FlowState | null = null;

  constructor(maxFlows: number, onForget: (flow: FlowState) => void) {
    this.#maxFlows = maxFlows;
    this.#onForget = onForget;
  }

  /** In order of appearance. */
  all(): FlowState[] {
    return [...this.#byFlow.values()].sort((a, b) => a.flow.index - b.flow.index);
  }

  of(flow: Flow): FlowState {
    if (this.#last?.flow === flow) return this.#last;
    let state = this.#byFlow.get(flow);
    if (state === undefined) {
      if (this.#byFlow.size >= this.#maxFlows) this.#forgetOne();
      state = new FlowState(flow);
      this.#byFlow.set(flow, state);
      this.#ring.add(state);
    } else {
      // Once is nothing: a flood of new flows does not push out one that goes on.
      state.wasUsed = true;
    }
    this.#last = state;
    return state;
  }

  #forgetOne(): void {
    for (let state = this.#ring.next(); state !== undefined; state = this.#ring.next()) {
      if (!state.wasUsed) {
        this.#byFlow.delete(state.flow);
        this.#ring.delete(state);
        this.forgotten++;
        if (this.#last === state) this.#last = null;
        return this.#onForget(state);
      }
      state.wasUsed = false;
    }
  }
}
