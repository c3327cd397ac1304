import type { Flow, FoundDatagramSink } from '../found-datagram.ts';
import { newCaptureCounters, type CaptureCounters, type CaptureNotice } from './capture-counters.ts';
import { DatagramOutlet } from './datagram-outlet.ts';
import { readHexLine, type HexLine } from './hex-line.ts';
import { Notices } from './notices.ts';
import { PacketLayers } from './packet-layers.ts';

export interface HexReaderOptions {
  readonly sink: FoundDatagramSink;
  /** Told of lines that cannot be read, with their number in place of a packet's. */
  readonly notice?: CaptureNotice;
}

/**
 * Finds datagrams in hex text: one a line, or dumps as `hexdump -C`, `xxd`, Wireshark and `tcpdump -x` (or `-X`) write them. `#` and
 * `//` begin comments. `>` (the default) or `<` in front tells the direction, as it does alone on the line before. What tcpdump wrote
 * is taken for IP packets.
 *
 * Does no I/O and never throws. Lines that cannot be read are told and left out, with the dump they belong to.
 */
export class HexReader {
  readonly counters: CaptureCounters = newCaptureCounters();
  readonly #notices: Notices;
  readonly #outlet: DatagramOutlet;
  readonly #layers: PacketLayers;
  /** Of everything that is no IP packet. */
  #flow: Flow | undefined;
  /** A line whose end has not come. */
  #line = '';
  #lineNumber = 0;
  #isLineTooLong = false;
  readonly #dump = new Uint8Array(MAX_DATAGRAM_BYTES);
  #dumpBytes = 0;
  #isDumpPacket = false;
  /** Length of the last row, and whether more like it were left out. */
  #lastRowBytes = 0;
  #isRepeating = false;
  /** Rows of a dump that cannot be read are left out up to its end. */
  #isDumpBad = false;
  #isFromA = true;
  #timeUs = 0;

  constructor(options: HexReaderOptions) {
    this.#notices = new Notices(this.counters, options.notice);
    this.#outlet = new DatagramOutlet(options.sink, this.counters);
    this.#layers = new PacketLayers(this.#outlet, this.#notices, MAX_MEMORY_BYTES);
  }

  push(chunk: Uint8Array): void {
    this.counters.bytes += chunk.length;
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#lengthen(text.slice(from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#lengthen(text.slice(from));
  }

  finish(): void {
    if (this.#line !== '' || this.#isLineTooLong) this.#endLine();
    this.#endDump();
    this.#layers.finish();
  }

  #lengthen(text: string): void {
    this.#isLineTooLong ||= this.#line.length + text.length > MAX_LINE_LENGTH;
    this.#line = this.#isLineTooLong ? '' : this.#line + text;
  }

  #endLine(): void {
    this.#lineNumber++;
    const line: HexLine = this.#isLineTooLong
      ? { kind: 'bad', isRow: false }
      : readHexLine(this.#line, {
          length: this.#dumpBytes,
          repeatedBytes: this.#isRepeating ? this.#lastRowBytes : 0,
          isBad: this.#isDumpBad,
        });
    this.#line = '';
    this.#isLineTooLong = false;
    if (line.kind === 'row' || line.kind === 'repeat') this.#takeRow(line);
    else this.#takeOther(line);
  }

  #takeOther(line: Exclude<HexLine, { kind: 'row' | 'repeat' }>): void {
    if (line.kind === 'bad') {
      if (!this.#isDumpBad) this.#refuse('neither hex nor a row of a dump');
      this.#isDumpBad ||= line.isRow;
      return;
    }
    this.#endDump();
    switch (line.kind) {
      case 'blank':
        return;
      case 'mark':
        this.#isFromA = line.isFromA;
        return;
      case 'time':
        this.#timeUs = line.timeUs;
        return;
      case 'datagram':
        if (line.bytes.length > MAX_DATAGRAM_BYTES) return this.#refuse('too long for a datagram');
        this.#isFromA = line.isFromA ?? this.#isFromA;
        this.#hand(line.bytes, false);
    }
  }

  #takeRow(line: Extract<HexLine, { kind: 'row' | 'repeat' }>): void {
    if (line.kind === 'repeat') {
      this.#isRepeating = this.#lastRowBytes > 0 && this.#dumpBytes >= this.#lastRowBytes;
      return;
    }
    if (line.offset === 0) {
      this.#endDump();
      if (line.isFromA !== undefined) this.#isFromA = line.isFromA;
      this.#isDumpPacket = line.isPacket;
    }
    if (this.#isRepeating) this.#repeatUpTo(line.offset);
    this.#append(line.bytes);
  }

  #repeatUpTo(offset: number): void {
    this.#isRepeating = false;
    const row = this.#dump.slice(this.#dumpBytes - this.#lastRowBytes, this.#dumpBytes);
    while (this.#dumpBytes < Math.min(offset, MAX_DATAGRAM_BYTES)) {
      const wanted = Math.min(row.length, MAX_DATAGRAM_BYTES - this.#dumpBytes);
      this.#dump.set(row.subarray(0, wanted), this.#dumpBytes);
      this.#dumpBytes += wanted;
    }
  }

  #append(bytes: Uint8Array): void {
    if (this.#dumpBytes + bytes.length > MAX_DATAGRAM_BYTES) return this.#refuse('too long for a datagram');
    this.#dump.set(bytes, this.#dumpBytes);
    this.#dumpBytes += bytes.length;
    this.#lastRowBytes = bytes.length;
  }

  #endDump(): void {
    const bytes = this.#dumpBytes;
    this.#dumpBytes = 0;
    this.#isDumpBad = false;
    this.#isRepeating = false;
    if (bytes > 0) this.#hand(this.#dump.subarray(0, bytes), this.#isDumpPacket);
  }

  #hand(bytes: Uint8Array, isPacket: boolean): void {
    this.counters.packets++;
    this.#outlet.begin(this.#timeUs, '');
    if (isPacket) this.#layers.takeIp(bytes, this.#timeUs);
    else {
      this.#flow ??= this.#outlet.newFlow('udp', NOBODY, NOBODY);
      this.#outlet.hand(this.#flow, this.#isFromA, bytes, 0, bytes.length, 0);
    }
    this.#timeUs = 0;
    this.#isFromA = true;
  }

  #refuse(why: string): void {
    this.#notices.tell('capture_damaged', `line ${this.#lineNumber}: ${why}`, this.#lineNumber);
    this.#isDumpBad = this.#dumpBytes > 0;
    this.#dumpBytes = 0;
  }
}

const NOBODY = { address: '', port: 0 };
const MAX_DATAGRAM_BYTES = 0xffff;
/** A datagram with three characters a byte, and room. */
const MAX_LINE_LENGTH = 4 * MAX_DATAGRAM_BYTES;
const MAX_MEMORY_BYTES = 16 * 1024 * 1024;
