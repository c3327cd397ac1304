/**
 * UTF-8 without the platform: the ES library has no text encoder.
 *
 * Encoding turns a lone surrogate into U+FFFD. Decoding turns each longest piece that cannot begin a character into one
 * U+FFFD, so that any bytes give a string, and the same string a browser would give.
 */

/** The bytes `text` takes. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i += charsOf(codePointAt(text, i))) {
    length += bytesOf(codePointAt(text, i));
  }
  return length;
}

/**
 * Writes `text` at `at`, as many whole characters as fit into `maxBytes`.
 * @returns the bytes written.
 */
export function writeUtf8(bytes: Uint8Array, at: number, text: string, maxBytes: number): number {
  let next = at;
  for (let i = 0; i < text.length;) {
    const point = codePointAt(text, i);
    const size = bytesOf(point);
    if (next + size > at + maxBytes) break;
    writeCodePoint(bytes, next, point, size);
    next += size;
    i += charsOf(point);
  }
  return next - at;
}

/** Decodes `length` bytes at `at`. Every malformed piece becomes U+FFFD; a byte order mark is kept. */
export function readUtf8(bytes: Uint8Array, at: number, length: number): string {
  const end = at + length;
  let text = '';
  for (let i = at; i < end;) {
    const size = sequenceSize(bytes, i, end);
    if (size > 0) {
      text += String.fromCodePoint(readCodePoint(bytes, i, size));
      i += size;
    } else {
      text += '\uFFFD';
      i -= size;
    }
  }
  return text;
}

/** Whether the bytes are well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF, nothing cut off. */
export function isUtf8(bytes: Uint8Array, at: number, length: number): boolean {
  const end = at + length;
  for (let i = at; i < end;) {
    const size = sequenceSize(bytes, i, end);
    if (size <= 0) return false;
    i += size;
  }
  return true;
}

/**
 * The longest length of at most `maxBytes` that does not cut a character in two.
 * Bytes that are not UTF-8 at that place are cut at `maxBytes`.
 */
export function utf8CutLength(bytes: Uint8Array, at: number, length: number, maxBytes: number): number {
  if (length <= maxBytes) return length;
  for (let cut = maxBytes; cut > maxBytes - 4 && cut >= 0; cut -= 1) {
    if (!isContinuation(bytes[at + cut]!)) return cut;
  }
  return maxBytes;
}

/**
 * The character at `at`: its size in bytes, or minus the size of the malformed piece found there.
 * The second byte decides about overlong forms, surrogates and the end of Unicode; the others only need to continue.
 */
function sequenceSize(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const size =
    lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (size === 0 || at + 1 >= end || !mayBeSecond(lead, bytes[at + 1]!)) return -1;
  for (let i = 2; i < size; i += 1) {
    if (at + i >= end || !isContinuation(bytes[at + i]!)) return -i;
  }
  return size;
}

function mayBeSecond(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead === 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead === 0xf4) return second >= 0x80 && second <= 0x8f;
  return isContinuation(second);
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

function readCodePoint(bytes: Uint8Array, at: number, size: number): number {
  if (size === 1) return bytes[at]!;
  let point = bytes[at]! & (0xff >> (size + 1));
  for (let i = 1; i < size; i += 1) point = (point << 6) | (bytes[at + i]! & 0x3f);
  return point;
}

function writeCodePoint(bytes: Uint8Array, at: number, point: number, size: number): void {
  if (size === 1) {
    bytes[at] = point;
    return;
  }
  bytes[at] = (0xf00 >> size) | (point >> (6 * (size - 1)));
  for (let i = 1; i < size; i += 1) bytes[at + i] = 0x80 | ((point >> (6 * (size - 1 - i))) & 0x3f);
}

function codePointAt(text: string, index: number): number {
  const point = text.codePointAt(index)!;
  return point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
}

const charsOf = (point: number): number => (point > 0xffff ? 2 : 1);

function bytesOf(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
