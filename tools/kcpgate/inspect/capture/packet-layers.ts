import type { DatagramOutlet } from './datagram-outlet.ts';
import { IpLayer } from './ip-layer.ts';
import { ipPacketAt, NO_IP } from './link-layer.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { Notices } from './notices.ts';
import type { CapturedPacket } from './packet-taker.ts';
import { TcpLayer } from './tcp-layer.ts';
import { UdpLayer } from './udp-layer.ts';

/** From captured packets to datagrams, whatever is between. */
export class PacketLayers {
  readonly #notices: Notices;
  readonly #ip: IpLayer;
  readonly #tcp: TcpLayer;

  /** @param maxMemoryBytes held of fragments and connections. */
  constructor(outlet: DatagramOutlet, notices: Notices, maxMemoryBytes: number) {
    const budget = new MemoryBudget(maxMemoryBytes);
    const udp = new UdpLayer(outlet, notices);
    const tcp = new TcpLayer(outlet, budget, notices);
    this.#notices = notices;
    this.#tcp = tcp;
    this.#ip = new IpLayer(
      { udp: (payload) => udp.take(payload), tcp: (payload) => tcp.take(payload) },
      budget,
      notices,
    );
  }

  take(packet: CapturedPacket): void {
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

  /** A packet that begins with its IP header. */
  takeIp(bytes: Uint8Array, timeUs: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#ip.take(bytes, view, 0, bytes.length, 0, timeUs);
  }

  /** No more will come: hands over what waited. */
  finish(): void {
    this.#ip.finish();
    this.#tcp.finish();
  }
}
