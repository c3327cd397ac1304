/** A word and where it stands, columns from 1. */
export interface Word {
  readonly text: string;
  readonly column: number;
}

/** What is wrong with words, and at which column. */
export interface WordFault {
  readonly column: number;
  readonly error: string;
}

/** The words of a line; what follows a `#` at the beginning of a word is a comment. */
function wordsOf(line: string): readonly Word[] {
  const words: Word[] = [];
  for (const match of line.matchAll(/\S+/gu)) {
    if (match[0].startsWith('#')) break;
    words.push({ text: match[0], column: match.index + 1 });
  }
  return words;
}

/** Reads words one after the other. The first fault stays. */
export class WordReader {
  fault: WordFault | null = null;
  readonly #words: readonly Word[];
  readonly #endColumn: number;
  #at = 0;

  constructor(line: string) {
    this.#words = wordsOf(line);
    const last = this.#words.at(-1);
    this.#endColumn = last === undefined ? 1 : last.column + last.text.length + 1;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The word that comes, without taking it; empty at the end. */
  get next(): string {
    return this.#words[this.#at]?.text ?? '';
  }

  /** Takes the next word. @returns undefined at the end, which is a fault. @param what was expected, for people. */
  take(what: string): string | undefined {
    const word = this.#words[this.#at];
    if (word === undefined) return this.failHere(`${what} is missing`);
    this.#at++;
    return word.text;
  }

  /** Takes the next word if it is one of these. */
  takeOne<Text extends string>(texts: readonly Text[]): Text | undefined {
    const found = texts.find((text) => text === this.next);
    if (found !== undefined) this.#at++;
    return found;
  }

  /** Something is wrong with the word that was taken last. */
  fail(error: string): undefined {
    this.fault ??= { column: this.#words[this.#at - 1]?.column ?? this.#endColumn, error };
    return undefined;
  }

  /** Something is wrong where the next word is, or should be. */
  failHere(error: string): undefined {
    this.fault ??= { column: this.#words[this.#at]?.column ?? this.#endColumn, error };
    return undefined;
  }
}
