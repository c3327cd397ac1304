import type { ExaminedSegment } from '../examined.ts';
import { countOf } from '../../admin/cell.ts';
import type { Subject } from './subject.ts';
import type { TextOutput } from './text-output.ts';
import type { View } from './view.ts';

/** Only how many there were. */
export class CountView implements View {
  readonly #output: TextOutput;
  #datagrams = 0;
  #segments = 0;

  constructor(output: TextOutput) {
    this.#output = output;
  }

  show(_: Subject, segments: readonly ExaminedSegment[]): void {
    this.#datagrams += 1;
    this.#segments += segments.length;
  }

  finish(): void {
    this.#output.writeLine(
      `${countOf(this.#segments, 'segment')} in ${countOf(this.#datagrams, 'datagram')}`,
    );
  }
}
