/** What is wrong with a filter, and where. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  /** Where it is wrong: characters from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** The error with the filter below it and a caret under the place. */
export function formatFilterError(error: FilterError, text: string): string {
  const from = error.at > MARGIN ? error.at - MARGIN : 0;
  const cut = text.slice(from, from + WIDTH).replace(/\p{C}/gu, ' ');
  return `column ${error.at + 1}: ${error.message}\n  ${cut}\n  ${' '.repeat(error.at - from)}^`;
}

/** Characters shown in front of the place, and in all. */
const MARGIN = 60;
const WIDTH = 100;
