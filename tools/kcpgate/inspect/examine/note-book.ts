import type { ExpertNote, ExpertNoteCode } from '../examined.ts';

/** Notes of a capture, bounded: so many of one code for one session, so many in all. */
export class NoteBook {
  readonly notes: ExpertNote[] = [];
  /** Notes that were left out. */
  suppressed = 0;
  readonly #maxNotes: number;
  readonly #onNote: ((note: ExpertNote) => void) | undefined;
  readonly #counts = new Map<string, number>();

  constructor(maxNotes: number, onNote: ((note: ExpertNote) => void) | undefined) {
    this.#maxNotes = maxNotes;
    this.#onNote = onNote;
  }

  /** @param packets the most telling first; the first 16 that are numbers of packets are kept. */
  add(
    code: ExpertNoteCode,
    severity: ExpertNote['severity'],
    session: number,
    packets: readonly number[],
    text: string,
  ): void {
    const key = `${code} ${session}`;
    const count = this.#counts.get(key) ?? 0;
    if (count >= MAX_OF_ONE || this.notes.length >= this.#maxNotes) {
      this.suppressed++;
      return;
    }
    this.#counts.set(key, count + 1);
    const named = [...new Set(packets)].filter((packet) => packet > 0).slice(0, MAX_PACKETS);
    const note: ExpertNote = { code, severity, session, packets: named, text };
    this.notes.push(note);
    this.#onNote?.(note);
  }
}

/** Notes of one code for one session. */
const MAX_OF_ONE = 4;
/** Packets that a note names. */
const MAX_PACKETS = 16;
