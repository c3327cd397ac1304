import { NEVER } from '../../src/base/clock.ts';
import { EventQueue } from '../../tools/kcpgate/relay/event-queue.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** Passes of the loop within one millisecond after which a simulation is taken to spin. */
const MAX_PASSES_PER_MS = 1000;
/** Passes without anything to do that are waited for promises. */
const IDLE_PASSES = 100;

type Callback = (...values: unknown[]) => void;

/** What `setTimeout` and `setImmediate` give back under a {@link VirtualLoop}; the part of Node's that is used. */
class VirtualTimer {
  readonly run: () => void;
  isCancelled = false;

  constructor(run: () => void) {
    this.run = run;
  }

  /** Nothing keeps a virtual loop running. */
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

/**
 * Node's event loop under a virtual clock: timers, then what the network brings, then what was deferred with `setImmediate`,
 * and when nothing of that is left the clock jumps to whatever comes next. So code that uses timers runs as on a real
 * machine that takes no time to compute.
 *
 * {@link install} puts it in the place of the global functions; nothing of it is asynchronous.
 */
export class VirtualLoop {
  readonly clock: VirtualClock;
  readonly #timers = new EventQueue<VirtualTimer>();
  readonly #network = new EventQueue<() => void>();
  #immediates: VirtualTimer[] = [];
  #afterNetwork: (() => void)[] = [];
  #passes = 0;

  /** @param startMs the first reading of the clock. */
  constructor(startMs = 0) {
    this.clock = new VirtualClock(startMs);
  }

  now(): number {
    return this.clock.now();
  }

  /** Something comes from outside at that time; what comes at the same time comes in the order of these calls. */
  at(atMs: number, event: () => void): void {
    this.#network.push(Math.max(atMs, this.clock.now()), event);
  }

  /** Runs once when all that is due from outside now has come. */
  afterNetwork(run: () => void): void {
    this.#afterNetwork.push(run);
  }

  /**
   * Replaces `setTimeout`, `setImmediate` and what clears them.
   * @returns what puts the old ones back.
   */
  install(): () => void {
    const old = { setTimeout, clearTimeout, setImmediate, clearImmediate };
    const define = (functions: Readonly<Record<string, unknown>>): void => {
      for (const [name, value] of Object.entries(functions))
        Object.defineProperty(globalThis, name, {
          value,
          configurable: true,
          writable: true,
          enumerable: true,
        });
    };
    const clear = (timer: unknown): void => {
      if (timer instanceof VirtualTimer) timer.isCancelled = true;
      else if (timer !== undefined && timer !== null) throw new Error('a timer from outside the simulation');
    };
    define({
      setTimeout: (callback: Callback, ms = 1, ...values: unknown[]) => {
        const timer = new VirtualTimer(() => {
          callback(...values);
        });
        this.#timers.push(this.clock.now() + Math.max(1, Math.floor(ms)), timer);
        return timer;
      },
      setImmediate: (callback: Callback, ...values: unknown[]) => {
        const timer = new VirtualTimer(() => {
          callback(...values);
        });
        this.#immediates.push(timer);
        return timer;
      },
      clearTimeout: clear,
      clearImmediate: clear,
    });
    return () => {
      define(old);
    };
  }

  /** Does everything due now, then moves to the next time at which something happens: false when nothing ever will. */
  step(): boolean {
    this.#pass();
    const nextMs = this.#nextMs();
    if (nextMs === NEVER) return false;
    this.#advanceTo(nextMs);
    return true;
  }

  /**
   * Runs until `isDone`, for at most `limitMs`.
   * @returns whether it was done; false also when nothing was left to happen.
   */
  runUntil(isDone: () => boolean, limitMs: number): boolean {
    const endMs = this.clock.now() + limitMs;
    while (!isDone()) {
      this.#pass();
      const nextMs = this.#nextMs();
      if (nextMs > endMs) {
        if (nextMs !== NEVER) this.#advanceTo(endMs);
        return isDone();
      }
      // A time that is done with is not left before somebody looked.
      if (nextMs > this.clock.now() && isDone()) return true;
      this.#advanceTo(nextMs);
    }
    return true;
  }

  /** Runs for `forMs` milliseconds, whatever happens or not; what is due at their end has happened, too. */
  runFor(forMs: number): void {
    const endMs = this.clock.now() + forMs;
    for (;;) {
      this.#pass();
      const nextMs = this.#nextMs();
      this.#advanceTo(Math.min(nextMs, endMs));
      if (nextMs > endMs) return;
    }
  }

  /**
   * Runs on until a promise is settled, and gives its value. The loop itself is synchronous; this is for what must be waited
   * for, such as closing. Throws when nothing is left that could settle it.
   */
  async complete<Value>(promise: Promise<Value>): Promise<Value> {
    const settled = new Set<unknown>();
    const settle = (): void => {
      settled.add(promise);
    };
    promise.then(settle, settle);
    for (let idle = 0; settled.size === 0; idle++) {
      // Twice: whoever was waited for may have somebody else waiting.
      await Promise.resolve();
      await Promise.resolve();
      if (this.step()) idle = 0;
      else if (idle > IDLE_PASSES) throw new Error('nothing is left that could settle the promise');
    }
    return promise;
  }

  /** One pass at the time of now. */
  #pass(): void {
    const nowMs = this.clock.now();
    for (let due = this.#timers.popDue(nowMs); due !== undefined; due = this.#timers.popDue(nowMs)) {
      if (!due.isCancelled) due.run();
    }
    for (let due = this.#network.popDue(nowMs); due !== undefined; due = this.#network.popDue(nowMs)) due();
    if (this.#afterNetwork.length > 0) {
      const runs = this.#afterNetwork;
      this.#afterNetwork = [];
      for (const run of runs) run();
    }
    if (this.#immediates.length > 0) {
      const immediates = this.#immediates;
      this.#immediates = [];
      for (const immediate of immediates) if (!immediate.isCancelled) immediate.run();
    }
  }

  #advanceTo(atMs: number): void {
    const nowMs = this.clock.now();
    if (atMs > nowMs) {
      this.clock.advanceTo(atMs);
      this.#passes = 0;
    } else if (++this.#passes > MAX_PASSES_PER_MS) {
      throw new Error(`the simulation spins at ${String(nowMs)} ms`);
    }
  }

  #nextMs(): number {
    if (this.#immediates.length > 0 || this.#afterNetwork.length > 0) return this.clock.now();
    return Math.min(this.#timers.nextAtMs(), this.#network.nextAtMs());
  }
}
