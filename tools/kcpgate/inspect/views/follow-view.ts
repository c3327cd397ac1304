import { Command } from '../../../../src/wire/command.ts';
import type { ExaminedSegment } from '../examined.ts';
import { countOf } from '../../admin/cell.ts';
import type { Palette } from './palette.ts';
import { PrintableStream } from './printable-stream.ts';
import { StreamAssembler } from './stream-assembler.ts';
import type { Subject } from './subject.ts';
import type { TextOutput } from './text-output.ts';
import { secondsText } from './time-text.ts';
import type { View } from './view.ts';

export interface FollowOptions {
  /** The session to follow: by its number, or the first one with this conv. */
  readonly session?: number;
  readonly conv?: number;
  /** The side whose data is wanted; both without. */
  readonly direction?: 'client' | 'gateway';
  /** Bytes as they are; only for one direction. */
  readonly raw: boolean;
  /** Takes what is missing or surprising, in words. */
  readonly warn: (text: string) => void;
}

type Side = 'client' | 'gateway';

/** What a session carried: in order, each byte once. */
export class FollowView implements View {
  readonly #output: TextOutput;
  readonly #palette: Palette;
  readonly #options: FollowOptions;
  readonly #assemblers: Readonly<Record<Side, StreamAssembler>>;
  readonly #printers: Readonly<Record<Side, PrintableStream>> = {
    client: new PrintableStream(),
    gateway: new PrintableStream(),
  };
  /** Sessions of that conv beside the one followed. */
  readonly #others = new Set<number>();
  #session: number;
  /** Who spoke last. */
  #speaker: Side | null = null;
  #endsLine = true;
  #place = '';
  #unreadable = 0;

  constructor(output: TextOutput, palette: Palette, options: FollowOptions) {
    this.#output = output;
    this.#palette = palette;
    this.#options = options;
    this.#session = options.session ?? -1;
    this.#assemblers = { client: this.#assembler('client'), gateway: this.#assembler('gateway') };
  }

  show(subject: Subject, segments: readonly ExaminedSegment[]): void {
    const { datagram, direction } = subject;
    if (direction === null || !this.#isWanted(datagram.session, datagram.conv)) return;
    if (datagram.kind === 'sealed' && datagram.sealedBecause !== null) this.#unreadable += 1;
    const { clear, found } = datagram;
    if (clear === null) return;
    const time = found.timeUs > 0 ? `, ${secondsText(found.timeUs - subject.startUs)} s` : '';
    this.#place = `packet ${found.packet}${time}`;
    const other = direction === 'client' ? 'gateway' : 'client';
    for (const { cmd, sn, una, payloadAt, length } of segments) {
      if (cmd > Command.windowTell || cmd < Command.new) continue;
      this.#assemblers[other].acknowledged(una);
      if (cmd === Command.push || cmd === Command.new) {
        this.#assemblers[direction].push(sn, clear.subarray(payloadAt, payloadAt + length));
      }
    }
  }

  finish(): void {
    this.#place = 'the end';
    this.#assemblers.client.finish();
    this.#assemblers.gateway.finish();
    if (!this.#endsLine && !this.#options.raw) this.#output.writeLine('');
    const { warn } = this.#options;
    if (this.#session < 0) warn('no session of the capture has that conv');
    if (this.#unreadable > 0) warn(`${countOf(this.#unreadable, 'sealed datagram')} could not be opened`);
    if (this.#others.size > 0) {
      const list = [...this.#others].join(', ');
      warn(`session ${this.#session} was followed; others had this conv, too: --follow-session ${list}`);
    }
  }

  #isWanted(session: number, conv: number): boolean {
    if (session < 0) return false;
    if (this.#session < 0 && conv === this.#options.conv) this.#session = session;
    if (session === this.#session) return true;
    if (conv === this.#options.conv && this.#others.size < MAX_OTHERS) this.#others.add(session);
    return false;
  }

  #assembler(side: Side): StreamAssembler {
    const isWanted = this.#options.direction === undefined || this.#options.direction === side;
    return new StreamAssembler({
      data: (bytes) => {
        if (isWanted) this.#data(side, bytes);
      },
      gap: (sn, lastSn) => {
        if (isWanted)
          this.#options.warn(`${this.#place}: of the ${side}, ${gapText(sn, lastSn)} not in the capture`);
      },
    });
  }

  #data(side: Side, bytes: Uint8Array): void {
    if (this.#options.raw) {
      this.#output.writeBytes(bytes);
      return;
    }
    const text = this.#printers[side].textOf(bytes);
    if (this.#speaker !== side && this.#options.direction === undefined) {
      if (!this.#endsLine) this.#output.writeLine('');
      this.#output.writeLine(this.#palette(side, `--- ${side}, ${this.#place}`));
    }
    this.#speaker = side;
    this.#output.write(text);
    if (text !== '') this.#endsLine = text.endsWith('\n');
  }
}

const gapText = (sn: number, lastSn: number): string =>
  sn === lastSn ? `sn ${sn} is` : `sn ${sn} to ${lastSn} are`;

const MAX_OTHERS = 20;
