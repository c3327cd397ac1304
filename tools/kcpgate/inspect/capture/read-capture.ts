import type { FoundDatagramSink } from '../found-datagram.ts';
import { newCaptureCounters, type CaptureCounters, type CaptureNotice } from './capture-counters.ts';
import { DatagramOutlet } from './datagram-outlet.ts';
import { Notices } from './notices.ts';
import { PacketLayers } from './packet-layers.ts';
import type { CapturedPacket, PacketTaker } from './packet-taker.ts';
import { PcapFormat, pcapVariantAt } from './pcap-format.ts';
import { isPcapng, PcapngFormat } from './pcapng-format.ts';
import { RecordJoiner, UNREADABLE, type RecordFormat } from './record-joiner.ts';

export interface CaptureReaderOptions {
  /** Called for every datagram, from within {@link CaptureReader.push} and {@link CaptureReader.finish}. */
  readonly sink: FoundDatagramSink;
  /** Told what is no datagram. Default: only counted. */
  readonly notice?: CaptureNotice;
  /** Bytes held of fragments and connections, default 64 MiB; what does not fit is given up, oldest first. */
  readonly maxMemoryBytes?: number;
}

/**
 * Finds the datagrams in a pcap or pcapng byte stream that arrives in chunks of any size. Does no I/O and never throws.
 * The format is told by the first bytes.
 */
export class CaptureReader {
  readonly counters: CaptureCounters = newCaptureCounters();
  readonly #notices: Notices;
  readonly #outlet: DatagramOutlet;
  readonly #layers: PacketLayers;
  readonly #joiner: RecordJoiner;

  constructor(options: CaptureReaderOptions) {
    const notices = new Notices(this.counters, options.notice);
    this.#notices = notices;
    this.#outlet = new DatagramOutlet(options.sink, this.counters);
    this.#layers = new PacketLayers(this.#outlet, notices, options.maxMemoryBytes ?? DEFAULT_MEMORY_BYTES);
    this.#joiner = new RecordJoiner(new EitherFormat((packet) => this.#take(packet), this.counters, notices));
  }

  /** Takes the next bytes; they are not used after the call. */
  push(chunk: Uint8Array): void {
    this.counters.bytes += chunk.length;
    this.#joiner.push(chunk);
  }

  /** The capture ends here: hands over what waited for more. */
  finish(): void {
    if (this.counters.bytes === 0) this.#notices.tell('capture_cut_off', 'the capture is empty');
    else if (this.#joiner.pendingBytes > 0)
      this.#notices.tell('capture_cut_off', 'the capture ends inside a packet');
    this.#layers.finish();
  }

  #take(packet: CapturedPacket): void {
    this.counters.packets++;
    this.#outlet.begin(packet.timeUs, packet.comment);
    this.#layers.take(packet);
  }
}

/** Whichever format the first bytes tell. */
class EitherFormat implements RecordFormat {
  readonly #taker: PacketTaker;
  readonly #counters: CaptureCounters;
  readonly #notices: Notices;
  #format: RecordFormat | undefined;

  constructor(taker: PacketTaker, counters: CaptureCounters, notices: Notices) {
    this.#taker = taker;
    this.#counters = counters;
    this.#notices = notices;
  }

  measure(bytes: Uint8Array, view: DataView, at: number, available: number): number {
    if (this.#format !== undefined) return this.#format.measure(bytes, view, at, available);
    if (available < MAGIC_BYTES) return MAGIC_BYTES;
    const variant = pcapVariantAt(view, at);
    if (variant !== undefined) this.#format = new PcapFormat(variant, this.#taker, this.#notices);
    else if (isPcapng(view, at)) this.#format = this.#pcapng();
    else {
      const isCompressed = view.getUint16(at) === GZIP_MAGIC;
      this.#notices.tell(
        'capture_damaged',
        isCompressed ? 'compressed; give it to gunzip first' : 'neither pcap nor pcapng',
      );
      return UNREADABLE;
    }
    return this.#format.measure(bytes, view, at, available);
  }

  take(bytes: Uint8Array, view: DataView, at: number, length: number): void {
    this.#format?.take(bytes, view, at, length);
  }

  #pcapng(): PcapngFormat {
    return new PcapngFormat(this.#taker, this.#notices, (packets) => {
      this.#counters.lostPackets += packets;
    });
  }
}

const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;
const MAGIC_BYTES = 4;
const GZIP_MAGIC = 0x1f8b;
