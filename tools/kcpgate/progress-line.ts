/** One line on a terminal that is written again and again. Writes nothing when the stream is not a terminal. */
export class ProgressLine {
  private readonly stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
  }

  /** Shows a bar and a text. @param share of the work done, 0 to 1. */
  show(share: number, text: string): void {
    if (!this.stream.isTTY) return;
    const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
    const bar = '#'.repeat(filled) + '.'.repeat(BAR_CELLS - filled);
    const width = this.stream.columns > 0 ? this.stream.columns : 80;
    this.stream.write(`\r\u001b[2K${`[${bar}] ${text}`.slice(0, width - 1)}`);
  }

  /** Leaves an empty line for what follows. */
  clear(): void {
    if (this.stream.isTTY) this.stream.write('\r\u001b[2K');
  }
}

const BAR_CELLS = 24;
