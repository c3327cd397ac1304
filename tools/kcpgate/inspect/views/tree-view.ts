import { formatHex, formatTree } from '../../../../src/wire/print.ts';
import { quotePrintable } from '../../../../src/wire/printable.ts';
import type { ExaminedDatagram, ExaminedSegment } from '../examined.ts';
import { endText } from './end-text.ts';
import { markText } from './mark-table.ts';
import type { Palette } from './palette.ts';
import type { Reading } from './reading.ts';
import type { Subject } from './subject.ts';
import type { TextOutput } from './text-output.ts';
import { spanText, type TimeChoice, TimeText } from './time-text.ts';
import { unitOf } from './line-view.ts';
import type { View } from './view.ts';

export interface TreeViewOptions {
  readonly time: TimeChoice;
  /** Every field with its place. */
  readonly tree: boolean;
  /** The bytes as a table. */
  readonly hexDump: boolean;
}

/** Datagrams in full: every field with its place, bytes as a table, or both. */
export class TreeView implements View {
  readonly #output: TextOutput;
  readonly #palette: Palette;
  readonly #options: TreeViewOptions;
  readonly #time: TimeText;
  #shown = 0;

  constructor(output: TextOutput, palette: Palette, options: TreeViewOptions) {
    this.#output = output;
    this.#palette = palette;
    this.#options = options;
    this.#time = new TimeText(options.time);
  }

  show(subject: Subject, segments: readonly ExaminedSegment[]): void {
    if (this.#shown > 0) this.#output.writeLine('');
    this.#shown += 1;
    const { datagram, reading } = subject;
    this.#output.writeLine(this.#palette('heading', this.#title(subject)));
    for (const line of remarks(datagram)) this.#output.writeLine(`  ${line}`);
    if (this.#options.tree) {
      this.#block(reading.outer === null ? foreignTree(datagram, reading) : formatTree(reading.outer));
      if (reading.inner !== null) this.#block(`decrypted: ${formatTree(reading.inner)}`);
      for (const line of segmentRemarks(subject, segments)) {
        this.#output.writeLine(`  ${this.#palette('mark', line)}`);
      }
    }
    if (this.#options.hexDump) this.#hexDump(subject);
  }

  #title(subject: Subject): string {
    const { datagram, direction } = subject;
    const { found } = datagram;
    const time = this.#time.of(found.timeUs, subject.startUs);
    const from = direction === null ? '' : `, session ${datagram.session}, from the ${direction}`;
    return `#${found.packet}  ${time}  ${endText(subject.source)} > ${endText(subject.destination)}  ${found.flow.carrier}${from}`;
  }

  #block(text: string): void {
    this.#output.writeLine(text.replaceAll(/^(?=.)/gmu, '  '));
  }

  #hexDump(subject: Subject): void {
    const { datagram, isDecrypted } = subject;
    const { found, clear, clearAt, clearLength } = datagram;
    this.#block(formatHex(found.bytes.subarray(found.offset, found.offset + found.length)));
    if (clear === null || !isDecrypted || clearLength === 0) return;
    this.#output.writeLine('  decrypted:');
    this.#block(formatHex(clear.subarray(clearAt, clearAt + clearLength)));
  }
}

/** A datagram that is none of this protocol; of one that kcp-go encrypted, the header of the encryption. */
function foreignTree({ kind, found }: ExaminedDatagram, { headers }: Reading): string {
  const units = headers.filter(({ name }) => name === 'KCP_GO_CRYPT');
  const tree = formatTree({ length: found.length, kind: 'unknown_kind', units, problems: [] });
  return tree.replace('unknown_kind', kind === 'opaque' ? kind : 'kcp-go encrypted');
}

/** What is known of the whole datagram beside its bytes. */
function remarks({ kind, found, sealedBecause }: ExaminedDatagram): string[] {
  const lines: string[] = [];
  if (kind === 'opaque')
    lines.push('opaque: not this protocol, or encrypted by kcp-go with a key that was not given');
  if (sealedBecause !== null) lines.push(SEALED_TEXTS[sealedBecause]);
  if (found.missingBytes > 0) lines.push(`${found.missingBytes} more bytes were not captured`);
  if (found.comment !== '') lines.push(`comment ${quotePrintable(found.comment)}`);
  return lines;
}

const SEALED_TEXTS = {
  no_key: 'sealed; the key log has no key for it',
  open_failed: 'sealed; no key of the key log opens it',
  cut_off: 'sealed; it was not captured whole, so it cannot be opened',
} as const;

/** What is known of segments beside their bytes. */
function segmentRemarks({ reading }: Subject, segments: readonly ExaminedSegment[]): string[] {
  const lines: string[] = [];
  for (const segment of segments) {
    const remark = [markText(segment.marks)].filter((text) => text !== '');
    if (!Number.isNaN(segment.roundTripUs)) remark.push(`round trip ${spanText(segment.roundTripUs)}`);
    if (remark.length === 0) continue;
    const unit = unitOf(reading, segment);
    lines.push(`${unit?.name ?? 'segment'} at ${unit?.offset ?? segment.at}: ${remark.join(' ')}`);
  }
  return lines;
}
