import { type Dissection, FIELD_PREVIEW_BYTES, type Problem, type Unit } from './dissection.ts';

/**
 * One line for each unit, as a packet sniffer prints them, then one for each problem:
 *
 *     0x01020304 PUSH frg=0 wnd=1024 ts=1234 sn=7 una=5 len=3 payload=616263
 *
 * Only fields that mean something are shown, and none that the name of the unit says already. No line break at the end.
 */
export function formatLine(dissection: Dissection): string {
  const lines = dissection.units.map(unitLine);
  if (lines.length === 0) lines.push(`${dissection.kind} ${dissection.length} bytes`);
  return [...lines, ...dissection.problems.map(problemLine)].join('\n');
}

/** Every field of every unit with its place, one a line, indented under its unit; problems last. */
export function formatTree(dissection: Dissection): string {
  const lines = [`${dissection.kind} datagram, ${dissection.length} bytes`];
  for (const unit of dissection.units) {
    lines.push(`  ${unit.name} at ${unit.offset}, ${unit.length} bytes`);
    for (const { name, offset, length, text, unused } of unit.fields) {
      const place = `${String(offset).padStart(5)} +${String(length).padEnd(5)}`;
      lines.push(`    ${place} ${name.padEnd(NAME_COLUMN)} ${text}${unused ? ' (unused)' : ''}`);
    }
  }
  return [...lines, ...dissection.problems.map((problem) => `  ${problemLine(problem)}`)].join('\n');
}

/**
 * Bytes as a table: offset, 16 bytes in hexadecimal, the same as ASCII.
 * @param maxBytes what is beyond is left out, and said so. Default 65,535.
 */
export function formatHex(bytes: Uint8Array, maxBytes = 65_535): string {
  const shown = Math.min(bytes.length, maxBytes);
  const lines: string[] = [];
  for (let at = 0; at < shown; at += ROW_BYTES)
    lines.push(hexRow(bytes, at, Math.min(ROW_BYTES, shown - at)));
  if (shown < bytes.length) lines.push(`... ${bytes.length - shown} more bytes`);
  return lines.join('\n');
}

const NAME_COLUMN = 15;
const ROW_BYTES = 16;

function unitLine(unit: Unit): string {
  const conv = unit.fields.find((field) => field.name === 'conv');
  const words = conv === undefined ? [unit.name] : [conv.text, unit.name];
  for (const { name, text, length, unused } of unit.fields) {
    if (unused || name === 'conv' || name === 'cmd' || name === 'kind') continue;
    words.push(`${name}=${text}`);
    if (length > FIELD_PREVIEW_BYTES && text.endsWith('...')) words.push(`(${length} bytes)`);
  }
  return words.join(' ');
}

const problemLine = ({ code, offset, text }: Problem): string => `! ${code} at ${offset}: ${text}`;

function hexRow(bytes: Uint8Array, at: number, length: number): string {
  let hex = '';
  let ascii = '';
  for (let i = 0; i < ROW_BYTES; i += 1) {
    if (i === ROW_BYTES / 2) hex += ' ';
    hex += i < length ? ` ${bytes[at + i]!.toString(16).padStart(2, '0')}` : '   ';
    if (i < length) ascii += asciiOf(bytes[at + i]!);
  }
  return `${at.toString(16).padStart(4, '0')} ${hex}  ${ascii}`;
}

const asciiOf = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.');
