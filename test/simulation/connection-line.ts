import type { ClientCarrier } from '../../src/carrier/node/client-carrier.ts';
import type { ConnectionPipe, PipeProfile } from './connection-pipe.ts';
import type { LineDirection } from './datagram-line.ts';
import type { PeerEnd, SimulatedConnection } from './simulated-connection.ts';
import type { VirtualLoop } from './virtual-loop.ts';

/** When each end learns that a connection is broken, in ms from then; Infinity: never, as when nobody resets it. */
export interface BreakOptions {
  readonly clientAfterMs?: number;
  readonly gatewayAfterMs?: number;
}

/** One connection of a client to the gateway. */
export class ConnectionLine {
  /** The client's end. */
  readonly carrier: ClientCarrier;
  readonly #loop: VirtualLoop;
  readonly #up: ConnectionPipe;
  readonly #down: ConnectionPipe;
  readonly #client: SimulatedConnection;
  #gateway: SimulatedConnection | undefined;
  #isBroken = false;

  constructor(
    loop: VirtualLoop,
    carrier: ClientCarrier,
    client: SimulatedConnection,
    up: ConnectionPipe,
    down: ConnectionPipe,
  ) {
    this.#loop = loop;
    this.carrier = carrier;
    this.#client = client;
    this.#up = up;
    this.#down = down;
    this.#client.onReset = () => {
      this.breakDown({ clientAfterMs: Infinity, gatewayAfterMs: up.profile.delayMs });
    };
  }

  /** Neither end has lost it yet, and it was not broken. */
  get isAlive(): boolean {
    return !this.#isBroken && !this.#client.isGone && this.#gateway?.isGone !== true;
  }

  /** Why the gateway ended it, as a WebSocket tells it; undefined when it did not, or not in order. */
  get gatewayEnd(): PeerEnd | undefined {
    return this.#client.peerEnd;
  }

  /** Changes the weather; what is on its way stays on its way. */
  setPipes(up: PipeProfile, down: PipeProfile = up): void {
    this.#up.setProfile(up);
    this.#down.setProfile(down);
  }

  /** Nothing more gets through for so long; then all of it does, late. */
  stall(direction: LineDirection | 'both', forMs: number): void {
    if (direction !== 'down') this.#up.stall(forMs);
    if (direction !== 'up') this.#down.stall(forMs);
  }

  /** Breaks the connection: what is on its way or queued is lost, both ways. Default: both ends learn it at once. */
  breakDown(options: BreakOptions = {}): void {
    this.#up.cut();
    this.#down.cut();
    this.#isBroken = true;
    this.#tell(this.#client, options.clientAfterMs ?? 0);
    if (this.#gateway !== undefined) this.#tell(this.#gateway, options.gatewayAfterMs ?? 0);
  }

  // ---- the network's side ----

  /** The gateway took it. */
  accept(gateway: SimulatedConnection): void {
    this.#gateway = gateway;
    gateway.onEnd = (end) => {
      this.#client.peerEnd = end;
    };
    this.#client.onEnd = (end) => {
      gateway.peerEnd = end;
    };
    gateway.onReset = () => {
      this.breakDown({ clientAfterMs: this.#down.profile.delayMs, gatewayAfterMs: Infinity });
    };
  }

  #tell(end: SimulatedConnection, afterMs: number): void {
    if (afterMs === Infinity) return;
    this.#loop.at(this.#loop.now() + afterMs, () => {
      end.breakDown();
    });
  }
}
