import type { ConnectionStatus } from './connection-status.ts';

/** Whoever wants to know of one type of status. */
export class StatusListeners<Status extends { readonly type: string } = ConnectionStatus> {
  readonly #listeners = new Map<Status['type'], Set<(status: Status) => void>>();
  readonly #any = new Set<(status: Status) => void>();
  readonly #fail: (error: unknown) => void;

  /** @param fail is told what a listener threw; it may not stop the others, nor the session. */
  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
  }

  /** @returns ends it. The same function may be added twice. */
  add<Type extends Status['type']>(
    type: Type,
    listener: (status: Extract<Status, { readonly type: Type }>) => void,
  ): () => void {
    const own = (status: Status): void => {
      if (isOf(status, type)) listener(status);
    };
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(own));
    return () => {
      listeners.delete(own);
    };
  }

  /** Of every type, after those of its own. @returns ends it. */
  addAny(listener: (status: Status) => void): () => void {
    const own = (status: Status): void => listener(status);
    this.#any.add(own);
    return () => {
      this.#any.delete(own);
    };
  }

  tell(status: Status): void {
    for (const listener of [...(this.#listeners.get(status.type) ?? []), ...this.#any]) {
      try {
        listener(status);
      } catch (error) {
        this.#fail(error);
      }
    }
  }
}

function isOf<Status extends { readonly type: string }, Type extends Status['type']>(
  status: Status,
  type: Type,
): status is Extract<Status, { readonly type: Type }> {
  return status.type === type;
}
