import type { Path, Session } from '../../session/index.ts';

/** Where copies of everything that a session sends go, if anywhere: a line in doubt comes before a second line kept for copies. */
export class LineCopies {
  readonly #session: Session;
  #doubt: Path | undefined;
  #always: Path | undefined;
  #maxBytesPerSecond: number | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The line in use is in doubt: everything goes here as well; undefined: no longer. */
  inDoubt(path: Path | undefined): void {
    this.#doubt = path;
    this.#apply();
  }

  /** Everything goes here as well, as far as the limit allows; undefined: no longer. */
  always(path: Path | undefined, maxBytesPerSecond?: number): void {
    this.#always = path;
    this.#maxBytesPerSecond = maxBytesPerSecond;
    this.#apply();
  }

  #apply(): void {
    // A line in doubt is not spared: what is lost there is lost.
    if (this.#doubt !== undefined) this.#session.copyTo(this.#doubt);
    else this.#session.copyTo(this.#always, this.#maxBytesPerSecond);
  }
}
