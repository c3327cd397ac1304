/** Those who wait for one answer: all get the next one that comes, or what stands in for it when their time is over. */
export class Waiters<T> {
  readonly #settlers = new Set<(answer: T) => void>();

  next(timeoutMs: number, otherwise: T): Promise<T> {
    return new Promise((resolve) => {
      const settle = (answer: T): void => {
        clearTimeout(timer);
        this.#settlers.delete(settle);
        resolve(answer);
      };
      const timer = setTimeout(settle, timeoutMs, otherwise);
      this.#settlers.add(settle);
    });
  }

  settle(answer: T): void {
    for (const settle of [...this.#settlers]) settle(answer);
  }
}

/** Those who wait for answers of their own, by number. */
export class Requests<T> {
  readonly #settlers = new Map<number, (answer: T) => void>();
  #last = 0;

  /** @param ask is given the number. @returns the answer, or `otherwise` when none comes in time. */
  ask(ask: (request: number) => void, timeoutMs: number, otherwise: T): Promise<T> {
    const request = ++this.#last;
    return new Promise((resolve) => {
      const settle = (answer: T): void => {
        clearTimeout(timer);
        this.#settlers.delete(request);
        resolve(answer);
      };
      const timer = setTimeout(settle, timeoutMs, otherwise);
      this.#settlers.set(request, settle);
      ask(request);
    });
  }

  /** The answer to one; nobody waits for an answer that comes too late. */
  settle(request: number, answer: T): void {
    this.#settlers.get(request)?.(answer);
  }

  /** No more answers will come. */
  settleAll(answer: T): void {
    for (const settle of [...this.#settlers.values()]) settle(answer);
  }
}
