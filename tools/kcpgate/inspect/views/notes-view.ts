import type { Findings } from './findings.ts';
import { noteLines } from './note-text.ts';
import type { Palette } from './palette.ts';
import type { TextOutput } from './text-output.ts';
import type { View } from './view.ts';

/** Only what is wrong. */
export class NotesView implements View {
  readonly #output: TextOutput;
  readonly #palette: Palette;
  readonly #columns: number;

  constructor(output: TextOutput, palette: Palette, columns: number) {
    this.#output = output;
    this.#palette = palette;
    this.#columns = columns;
  }

  show(): void {
    // The end tells all.
  }

  finish({ notes }: Findings): void {
    if (notes.length === 0) this.#output.writeLine('nothing remarkable');
    for (const note of notes) {
      for (const line of noteLines(note, this.#palette, this.#columns)) this.#output.writeLine(line);
    }
  }
}
