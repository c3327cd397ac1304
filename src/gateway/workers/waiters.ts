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
