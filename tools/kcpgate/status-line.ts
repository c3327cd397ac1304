/** The last line of a terminal, written again and again while other lines are written above it. */
export class StatusLine {
  readonly #stream: NodeJS.WriteStream;
  #text = '';

  /** @param stream nothing is written when it is no terminal. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  get isShown(): boolean {
    return this.#stream.isTTY;
  }

  /** Shows a text, as much of it as fits. */
  show(text: string): void {
    this.#text = text;
    if (!this.isShown) return;
    const width = this.#stream.columns > 0 ? this.#stream.columns : DEFAULT_COLUMNS;
    this.#stream.write(`${CLEAR}${text.slice(0, width - 1)}`);
  }

  /** Writes something else: the line makes way for it and comes again below. */
  aside(write: () => void): void {
    if (!this.isShown || this.#text === '') return write();
    this.#stream.write(CLEAR);
    write();
    this.show(this.#text);
  }

  /** Leaves an empty line for what follows. */
  clear(): void {
    if (this.isShown && this.#text !== '') this.#stream.write(CLEAR);
    this.#text = '';
  }
}

const CLEAR = '\r\u001b[2K';
const DEFAULT_COLUMNS = 80;
