/** Lets others wait for the next change of something. What was waited for is not held any longer than that. */
export class NextChange {
  #waiters = new Set<() => void>();

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Something changed. */
  tell(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const resolve of waiters) resolve();
  }

  /** Resolves with the next change. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }

  /** Resolves with the next change, or when something else settles. */
  waitOr(other: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add(resolve);
      const settled = (): void => {
        this.#waiters.delete(resolve);
        resolve();
      };
      other.then(settled, settled);
    });
  }
}
