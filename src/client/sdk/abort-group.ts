/**
 * Ends many things at once, each by a signal of its own: some platforms warn of a leak when one signal has more than ten
 * listeners.
 */
export class AbortGroup {
  readonly #members = new Set<AbortController>();
  readonly #controller = new AbortController();

  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Ends everything that runs, and what is begun later as soon as it begins. Safe to call twice: the first reason counts. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason);
    for (const member of this.#members) member.abort(this.#controller.signal.reason);
  }

  /** Runs something that ends when its signal does. */
  async run<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const member = new AbortController();
    if (this.aborted) member.abort(this.#controller.signal.reason);
    this.#members.add(member);
    try {
      return await work(member.signal);
    } finally {
      this.#members.delete(member);
    }
  }
}
