import type { CloseCode } from '../../../src/base/close-code.ts';
import type { CarrierEvents, ConnectionControl, ReceiveBatch } from '../../../src/carrier/carrier.ts';
import { HandFedCarrier } from '../../support/hand-fed-carrier.ts';

/** A {@link HandFedCarrier} whose slots are connections. */
export class ConnectedCarrier extends HandFedCarrier {
  readonly connections: ConnectionControl;
  /** Slots of connections that live. */
  readonly alive = new Set<number>();
  /** Slots of connections that may stay. */
  readonly confirmed = new Set<number>();
  /** With which code each connection was ended by its user. */
  readonly ended = new Map<number, CloseCode>();
  readonly #clogged = new Set<number>();
  #events: CarrierEvents = {};

  constructor() {
    super({ reliable: true, ordered: true });
    this.connections = {
      highWaterBytes: 1000,
      queuedBytes: (slot) => (this.#clogged.has(slot) ? 1001 : 0),
      confirm: (slot) => this.confirmed.add(slot),
      disconnect: (slot, code) => {
        if (!this.alive.delete(slot)) return;
        this.ended.set(slot, code);
        this.release(slot);
      },
    };
  }

  override start(onBatch: (batch: ReceiveBatch) => void, events: CarrierEvents = {}): void {
    super.start(onBatch);
    this.#events = events;
  }

  /** A peer connects. */
  connect(slot: number): void {
    this.alive.add(slot);
    this.retain(slot);
  }

  /** A connection breaks. */
  breakOff(slot: number): void {
    if (!this.alive.delete(slot)) return;
    this.#events.disconnected?.(slot);
    this.release(slot);
  }

  /** The system takes nothing more for a connection, or does again. */
  clog(slot: number, isClogged: boolean): void {
    if (isClogged) this.#clogged.add(slot);
    else if (this.#clogged.delete(slot)) this.#events.writable?.(slot);
  }
}
