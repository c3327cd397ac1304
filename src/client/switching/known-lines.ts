import { KnownLine, type SwitchLine } from './known-line.ts';
import { LineInUse } from './line-in-use.ts';
import type { SwitchConfig } from './switch-config.ts';

/** Every line that leads to the gateway of the session, and which of them is in use. */
export class KnownLines {
  readonly #config: SwitchConfig;
  readonly #random: () => number;
  readonly #byId: Map<string, KnownLine>;
  #current: LineInUse;

  /**
   * @param current id of the one in use. @param random from 0 to below 1.
   * @throws RangeError when the one in use is none of them.
   */
  constructor(
    now: number,
    lines: readonly SwitchLine[],
    current: string,
    config: SwitchConfig,
    random: () => number,
  ) {
    this.#config = config;
    this.#random = random;
    this.#byId = new Map(lines.map((line) => [line.id, new KnownLine(now, line, config)]));
    const known = this.#byId.get(current);
    if (known === undefined) throw new RangeError('the line in use is none of the lines');
    this.#current = new LineInUse(now, known, config, null);
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): KnownLine | undefined {
    return this.#byId.get(id);
  }

  [Symbol.iterator](): IterableIterator<KnownLine> {
    return this.#byId.values();
  }

  /** The one in use. */
  get current(): LineInUse {
    return this.#current;
  }

  /** All but the one in use. */
  get others(): readonly KnownLine[] {
    return [...this].filter(({ id }) => id !== this.#current.id);
  }

  get udp(): readonly KnownLine[] {
    return [...this].filter(({ isConnection }) => !isConnection);
  }

  /** Nothing came of preparing it, or of moving there. */
  failed(now: number, id: string): void {
    this.#byId.get(id)?.failed(now, this.#random());
  }

  /** Another network: nothing that was measured holds any more. */
  forget(): void {
    for (const line of this) line.forget();
  }

  /** The session is on that line now, or on the same one over again. @returns what is known of it. */
  use(now: number, id: string): KnownLine {
    const from = this.#current;
    const known = this.#byId.get(id) ?? new KnownLine(now, { id, transport: 'udp' }, this.#config);
    this.#byId.set(id, known);
    const expectedMs = from.id === id ? from.usualMs : known.score(now);
    this.#current = new LineInUse(now, known, this.#config, expectedMs);
    if (from.id !== id) this.#byId.get(from.id)?.left(now, from.score);
    return known;
  }
}
