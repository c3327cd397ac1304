/**
 * Text from the network as it may be shown on a terminal or in a log: in double quotes, with everything escaped that
 * could move the cursor, end the line or turn the reading direction.
 */
export function quotePrintable(text: string): string {
  return `"${text.replace(UNSAFE, escape)}"`;
}

/** Bytes as lower-case hexadecimal. */
export function hexOf(bytes: Uint8Array, at: number, length: number): string {
  let hex = '';
  for (let i = at; i < at + length; i += 1) hex += bytes[i]!.toString(16).padStart(2, '0');
  return hex;
}

/** `0x` and eight digits: how a conv is written. */
export const hex32 = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

/**
 * Controls, format characters (zero-width, direction), surrogates, line and paragraph separators, private use and
 * unassigned characters, and what a quoted text escapes anyway.
 */
const UNSAFE = /[\p{C}\u2028\u2029"\\]/gu;

function escape(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
