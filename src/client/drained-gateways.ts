/** Gateways that asked to be left, until they are gone: shared by the sessions of a client, so that new ones go elsewhere. */
export class DrainedGateways {
  readonly #until = new Map<number, number>();

  /** @param deadlineMs what the gateway said: it ends its sessions in so many ms. */
  add(now: number, gatewayId: number, deadlineMs: number): void {
    this.#until.set(gatewayId, now + Math.max(deadlineMs, MIN_MS));
  }

  has(now: number, gatewayId: number): boolean {
    const until = this.#until.get(gatewayId);
    if (until === undefined) return false;
    if (now < until) return true;
    this.#until.delete(gatewayId);
    return false;
  }
}

/** It takes a moment until a gateway that goes away is back. */
const MIN_MS = 5_000;
