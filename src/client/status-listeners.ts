import type { ConnectionStatus, ConnectionStatusOf } from './connection-status.ts';

/** Whoever wants to know of one type of status. */
export class StatusListeners {
  readonly #listeners = new Map<ConnectionStatus['type'], Set<(status: ConnectionStatus) => void>>();
  readonly #fail: (error: unknown) => void;

  /** @param fail is told what a listener threw; it may not stop the others, nor the session. */
  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
  }

  /** @returns ends it. The same function may be added twice. */
  add<Type extends ConnectionStatus['type']>(
    type: Type,
    listener: (status: ConnectionStatusOf<Type>) => void,
  ): () => void {
    const own = (status: ConnectionStatus): void => {
      if (isOf(status, type)) listener(status);
    };
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(own));
    return () => {
      listeners.delete(own);
    };
  }

  tell(status: ConnectionStatus): void {
    for (const listener of [...(this.#listeners.get(status.type) ?? [])]) {
      try {
        listener(status);
      } catch (error) {
        this.#fail(error);
      }
    }
  }
}

function isOf<Type extends ConnectionStatus['type']>(
  status: ConnectionStatus,
  type: Type,
): status is ConnectionStatusOf<Type> {
  return status.type === type;
}
