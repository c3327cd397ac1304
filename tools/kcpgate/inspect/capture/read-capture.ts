import type { FoundDatagramSink } from '../found-datagram.ts';
import { newCaptureCounters, type CaptureCounters, type CaptureNotice } from './capture-counters.ts';
import { DatagramOutlet } from './datagram-outlet.ts';
import { IpLayer } from './ip-layer.ts';
import { ipPacketAt, NO_IP } from './link-layer.ts';
import { MemoryBudget } from './memory-budget.ts';
import { Notices } from './notices.ts';
import type { CapturedPacket, PacketTaker } from './packet-taker.ts';
import { PcapFormat, pcapVariantAt } from './pcap-format.ts';
import { isPcapng, PcapngFormat } from './pcapng-format.ts';
import { RecordJoiner, UNREADABLE, type RecordFormat } from './record-joiner.ts';
import { TcpLayer } from './tcp-layer.ts';
import { UdpLayer } from './udp-layer.ts';

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
  readonly #ip: IpLayer;
  readonly #tcp: TcpLayer;
  readonly #joiner: RecordJoiner;

  constructor(options: CaptureReaderOptions) {
    const notices = new Notices(this.counters, options.notice);
    const budget = new MemoryBudget(options.maxMemoryBytes ?? DEFAULT_MEMORY_BYTES);
    this.#notices = notices;
    this.#outlet = new DatagramOutlet(options.sink, this.counters);
    const udp = new UdpLayer(this.#outlet, notices);
    const tcp = new TcpLayer(this.#outlet, budget, notices);
    this.#tcp = tcp;
    this.#ip = new IpLayer(
      { udp: (payload) => udp.take(payload), tcp: (payload) => tcp.take(payload) },
      budget,
      notices,
    );
    this.#joiner = new RecordJoiner(new EitherFormat((packet) => this.#take(packet), notices));
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
    this.#ip.finish();
    this.#tcp.finish();
  }

  #take(packet: CapturedPacket): void {
    this.counters.packets++;
    this.#outlet.begin(packet.timeUs, packet.comment);
    const end = packet.at + packet.length;
    const at = ipPacketAt(packet.linkType, packet.view, packet.at, end);
    if (at >= 0) {
      this.#ip.take(packet.bytes, packet.view, at, end, packet.originalLength - packet.length, packet.timeUs);
    } else if (at === NO_IP.not_ip) {
      this.#notices.tell('not_ip', 'neither IPv4 nor IPv6');
    } else if (at === NO_IP.link_type_unknown) {
      this.#notices.tell('link_type_unknown', `link type ${packet.linkType}`);
    } else {
      this.#notices.tell('header_damaged', 'a packet that ends inside its first header');
    }
  }
}

/** Whichever format the first bytes tell. */
class EitherFormat implements RecordFormat {
  readonly #taker: PacketTaker;
  readonly #notices: Notices;
  #format: RecordFormat | undefined;

  constructor(taker: PacketTaker, notices: Notices) {
    this.#taker = taker;
    this.#notices = notices;
  }

  measure(bytes: Uint8Array, view: DataView, at: number, available: number): number {
    if (this.#format !== undefined) return this.#format.measure(bytes, view, at, available);
    if (available < MAGIC_BYTES) return MAGIC_BYTES;
    const variant = pcapVariantAt(view, at);
    if (variant !== undefined) this.#format = new PcapFormat(variant, this.#taker, this.#notices);
    else if (isPcapng(view, at)) this.#format = new PcapngFormat(this.#taker, this.#notices);
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
}

const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;
const MAGIC_BYTES = 4;
const GZIP_MAGIC = 0x1f8b;
