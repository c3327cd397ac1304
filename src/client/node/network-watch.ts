import { networkInterfaces } from 'node:os';

/** What a {@link NetworkWatch} works with. */
export interface NetworkWatchOptions {
  /** How often to look, in ms. Default 3,000. */
  readonly everyMs?: number;
  /** Default: the system's. */
  readonly interfaces?: typeof networkInterfaces;
}

/**
 * Notices when the device gets into another network: by its own addresses, which are looked at every few seconds while
 * somebody listens. Keeps no process alive.
 */
export class NetworkWatch {
  readonly #everyMs: number;
  readonly #interfaces: typeof networkInterfaces;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #addresses = '';

  constructor({ everyMs = 3_000, interfaces = networkInterfaces }: NetworkWatchOptions = {}) {
    this.#everyMs = everyMs;
    this.#interfaces = interfaces;
  }

  /** @param listener called after a change; must not throw. @returns ends it. */
  listen(listener: () => void): () => void {
    // The same function may listen twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#timer === undefined) {
      this.#addresses = this.#read();
      this.#timer = setInterval(this.#look, this.#everyMs).unref();
    }
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  readonly #look = (): void => {
    const addresses = this.#read();
    if (addresses === this.#addresses) return;
    this.#addresses = addresses;
    for (const listener of [...this.#listeners]) listener();
  };

  /** The addresses that lead out, as one text. */
  #read(): string {
    const found: string[] = [];
    for (const [name, addresses = []] of Object.entries(this.#readInterfaces())) {
      for (const { address, internal } of addresses) {
        if (!internal && !address.startsWith('fe80:')) found.push(`${name} ${address}`);
      }
    }
    return found.sort().join();
  }

  #readInterfaces(): ReturnType<typeof networkInterfaces> {
    try {
      return this.#interfaces();
    } catch {
      // Some systems do not let every process see them.
      return {};
    }
  }
}
