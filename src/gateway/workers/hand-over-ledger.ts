import { handedBytes, type HandedDatagrams } from './hand-over.ts';

/** What the ledger asks of the workers. */
export interface HandOverWorkers {
  readonly count: number;
  isRunning(worker: number): boolean;
  /** Gives a worker what came to another; `taken` follows when it has it. The memory of the datagrams goes with it. */
  giveTo(worker: number, handed: HandedDatagrams): void;
  /** Tells a worker that something it handed over is not on its way any more. */
  tell(worker: number, to: number, bytes: number): void;
}

/** Passes on what workers hand over to each other, and knows what is on its way: so it can be written off. */
export class HandOverLedger {
  readonly #workers: HandOverWorkers;
  /** Per worker: what was given to it and not taken yet, in order. */
  readonly #away: { readonly from: number; readonly bytes: number }[][];

  constructor(workers: HandOverWorkers) {
    this.#workers = workers;
    this.#away = Array.from({ length: workers.count }, () => []);
  }

  pass(from: number, to: number, handed: HandedDatagrams): void {
    // Once it was given, its memory is gone.
    const bytes = handedBytes(handed.datagrams);
    if (!this.#workers.isRunning(to)) return this.#workers.tell(from, to, bytes);
    this.#away[to]?.push({ from, bytes });
    this.#workers.giveTo(to, handed);
  }

  /** A worker took the oldest of what was given to it. */
  taken(worker: number): void {
    const entry = this.#away[worker]?.shift();
    if (entry !== undefined) this.#workers.tell(entry.from, worker, entry.bytes);
  }

  /** A worker died: what was on its way to it is lost. */
  handleDeath(worker: number): void {
    for (const { from, bytes } of this.#away[worker]?.splice(0) ?? []) {
      this.#workers.tell(from, worker, bytes);
    }
  }
}
