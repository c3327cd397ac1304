/** Bytes of a stream as text for people: UTF-8, with line ends and tabs, everything else that is no character escaped. */
export class PrintableStream {
  readonly #decoder = new TextDecoder('utf-8');

  /** The text of the next bytes; a character that is cut comes with the next ones. */
  textOf(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true }).replace(UNSAFE, escaped);
  }
}

/** Whatever a terminal might obey, or that turns the reading direction. */
const UNSAFE = /(?![\n\t])[\p{C}\u2028\u2029]/gu;

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
