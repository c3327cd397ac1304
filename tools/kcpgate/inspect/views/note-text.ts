import type { ExpertNote } from '../examined.ts';
import type { Palette, Shade } from './palette.ts';

/** A note for people: what it is and where, then its text, in lines of at most `columns`. */
export function noteLines(note: ExpertNote, palette: Palette, columns: number): string[] {
  const { code, severity, session, packets, text } = note;
  const where = session < 0 ? '' : `  session ${session}`;
  const which =
    packets.length === 0 ? '' : `  packet${packets.length === 1 ? '' : 's'} ${packets.join(', ')}`;
  const label = palette(SHADES[severity], severity.padEnd(LABEL_WIDTH));
  return [
    `${label}  ${code}${where}${which}`,
    ...wrapped(text, columns - INDENT.length).map((line) => INDENT + line),
  ];
}

/** Cuts text into lines between its words; empty text is one empty line. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const SHADES: Readonly<Record<ExpertNote['severity'], Shade>> = {
  note: 'client',
  warning: 'mark',
  error: 'fault',
};
const LABEL_WIDTH = 7;
const INDENT = ' '.repeat(LABEL_WIDTH + 2);
