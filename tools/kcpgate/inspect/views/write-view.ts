import { LINK_TYPE_RAW, PcapngWriter } from '../capture/pcapng-writer.ts';
import { udpFrame } from '../capture/udp-frame.ts';
import type { Subject } from './subject.ts';
import type { ByteSink } from './text-output.ts';
import type { View } from './view.ts';

/**
 * A capture of the datagrams that are wanted, each in a UDP datagram between its ends, whatever carried it: so it can be read
 * again, here and by other programs.
 */
export class WriteView implements View {
  readonly #sink: ByteSink;
  readonly #writer: PcapngWriter;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #written = 0;
  #tooLong = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
    this.#writer = new PcapngWriter({
      linkType: LINK_TYPE_RAW,
      sink: (chunk) => {
        this.#gather(chunk);
      },
    });
  }

  /** Datagrams written so far. */
  get written(): number {
    return this.#written;
  }

  /** Datagrams of connections that are longer than UDP carries. */
  get tooLong(): number {
    return this.#tooLong;
  }

  show(subject: Subject): void {
    const { timeUs, bytes, offset, length, missingBytes, comment } = subject.datagram.found;
    if (length > MAX_UDP_BYTES) {
      this.#tooLong += 1;
      return;
    }
    const frame = udpFrame(subject.source, subject.destination, bytes, offset, length);
    this.#writer.writePacket(timeUs, frame, 0, frame.length, comment, frame.length + missingBytes);
    this.#written += 1;
  }

  finish(): void {
    this.#flush();
  }

  #gather(chunk: Uint8Array): void {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= PIECE_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#bytes === 0) return;
    this.#sink(Buffer.concat(this.#pieces, this.#bytes));
    this.#pieces = [];
    this.#bytes = 0;
  }
}

/** What IPv4 leaves. */
const MAX_UDP_BYTES = 65_507;
const PIECE_BYTES = 256 * 1024;
