/**
 * One line of hex text, understood.
 *
 * - `blank`: nothing, or a comment
 * - `mark`: a direction alone: of the datagram that follows
 * - `datagram`: all its bytes
 * - `row`: bytes of a dump at an offset; `isPacket` when tcpdump wrote it, whose dumps begin with the IP header
 * - `repeat`: rows equal to the one before were left out
 * - `time`: what tcpdump writes above a dump
 * - `bad`: none of these
 */
export type HexLine =
  | { readonly kind: 'blank' }
  | { readonly kind: 'repeat' }
  | { readonly kind: 'bad'; readonly isRow: boolean }
  | { readonly kind: 'mark'; readonly isFromA: boolean }
  /** `isFromA` is undefined without a mark. */
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array; readonly isFromA: boolean | undefined }
  | {
      readonly kind: 'row';
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly isPacket: boolean;
      readonly isFromA: boolean | undefined;
    }
  | { readonly kind: 'time'; readonly timeUs: number };

/** What came before a line: a number at its beginning is an offset only when it fits. */
export interface DumpState {
  /** Bytes of the dump so far. */
  readonly length: number;
  /** Rows equal to the last one were left out; each had so many bytes. 0 when none were. */
  readonly repeatedBytes: number;
  /** An earlier row could not be read: the rest of the dump cannot either. */
  readonly isBad: boolean;
}

/** Understands a line. */
export function readHexLine(text: string, state: DumpState): HexLine {
  const line = text.replace(/(^|\s)(#|\/\/).*$/, '').trimEnd();
  const marked = /^\s*([<>])\s*/.exec(line);
  const isFromA = marked === null ? undefined : marked[1] === '>';
  const rest = marked === null ? line : line.slice(marked[0].length);
  if (rest.trim() === '') return isFromA === undefined ? BLANK : { kind: 'mark', isFromA };
  if (rest.trim() === '*') return { kind: 'repeat' };
  return readRow(rest, state, isFromA) ?? readTime(rest) ?? readDatagram(rest, isFromA);
}

/** `00000010  51 00 ..  |..|`, `00000010: 5100 ..  ..`, `0x0010:  5100 ..`, `0010   51 00 ..` */
function readRow(text: string, state: DumpState, isFromA: boolean | undefined): HexLine | undefined {
  const row = /^\s*(0x)?([0-9a-f]{4,8})(?:(:)\s+|\s{2,}|$)(.*)$/i.exec(text);
  if (row === null) return undefined;
  const [, prefix, digits = '', colon, rest = ''] = row;
  const offset = Number.parseInt(digits, 16);
  // Without a colon it may be a datagram with its bytes in groups.
  if (!isNext(offset, state)) return colon === undefined && !state.isBad ? undefined : BAD_ROW;
  // A number alone ends a dump; where there is none it is a short datagram.
  if (rest === '' && (state.length === 0 || offset === 0)) return undefined;
  const [hex = '', more = '', ascii = ''] = rest.split(/\s{2,}/);
  // hexdump has a gap in the middle, and its characters between bars.
  const bytes = bytesOf(ascii.startsWith('|') && EIGHT_BYTES.test(hex) ? hex + more : hex);
  if (bytes === undefined) return BAD_ROW;
  return { kind: 'row', offset, bytes, isPacket: prefix !== undefined, isFromA };
}

function isNext(offset: number, { length, repeatedBytes, isBad }: DumpState): boolean {
  if (offset === 0) return true;
  if (isBad) return false;
  if (repeatedBytes === 0) return offset === length;
  return offset >= length && (offset - length) % repeatedBytes === 0;
}

function readTime(text: string): HexLine | undefined {
  const time = /^\s*(?:(\d{4}-\d\d-\d\d) )?(\d\d):(\d\d):(\d\d)\.(\d{1,9}) /.exec(text);
  if (time === null) return undefined;
  const [, day = '1970-01-01', hours = '', minutes = '', seconds = '', fraction = ''] = time;
  const wholeMs = Date.parse(`${day}T${hours}:${minutes}:${seconds}Z`);
  if (Number.isNaN(wholeMs)) return BAD;
  return { kind: 'time', timeUs: wholeMs * 1000 + Number(`0.${fraction}`) * 1_000_000 };
}

function readDatagram(text: string, isFromA: boolean | undefined): HexLine {
  const bytes = bytesOf(text.trim().replace(/^0x/i, ''));
  return bytes === undefined ? BAD : { kind: 'datagram', bytes, isFromA };
}

/** Digits with anything usual between them; undefined for other text and for half a byte. */
function bytesOf(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/[\s:,-]/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) return undefined;
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

const EIGHT_BYTES = /^([0-9a-f]{2} ){7}[0-9a-f]{2}$/i;
const BLANK: HexLine = { kind: 'blank' };
const BAD: HexLine = { kind: 'bad', isRow: false };
const BAD_ROW: HexLine = { kind: 'bad', isRow: true };
