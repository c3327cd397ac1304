import type { SocketAddress } from '../../src/base/address.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { NetEmulator, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import type { SimulatedUdp } from './simulated-udp.ts';
import type { VirtualLoop } from './virtual-loop.ts';

/** `up` is from the client to the gateway. */
export type LineDirection = 'up' | 'down';

/** An address that a NAT shows for a client. */
export interface NatMapping {
  readonly text: string;
  readonly port: number;
  readonly line: DatagramLine;
  /** What is sent there reaches the client. */
  isLive: boolean;
}

/** What a line needs of its network. */
export interface DatagramLineParts {
  readonly loop: VirtualLoop;
  readonly carrier: SimulatedUdp;
  readonly up: LinkProfile;
  readonly down: LinkProfile;
  readonly upRandom: SeededRandom;
  readonly downRandom: SeededRandom;
  /** Makes an address; on another host when asked to. */
  map(line: DatagramLine, newHost: boolean): NatMapping;
  /** A datagram has come through to the public side. */
  arrive(datagram: Uint8Array, from: NatMapping, text: string, port: number): void;
}

/**
 * What lies between one UDP socket of a client and the rest of the world: a link each way, and a NAT. The socket keeps its
 * address whatever happens outside.
 */
export class DatagramLine {
  /** The client's socket. */
  readonly carrier: SimulatedUdp;
  /** The links, for their counters. */
  readonly up: NetEmulator;
  readonly down: NetEmulator;
  /** Datagrams that met a black hole, or an address that the NAT does not know any more. */
  lost = 0;

  readonly #loop: VirtualLoop;
  readonly #map: DatagramLineParts['map'];
  #mapping: NatMapping;
  readonly #darkUntilMs = { up: -Infinity, down: -Infinity };
  /** What is being given to a link: it decides at once what becomes of it. */
  #sending: { from: NatMapping; text: string; port: number };

  constructor(parts: DatagramLineParts) {
    const { loop, carrier } = parts;
    this.#loop = loop;
    this.carrier = carrier;
    this.#map = parts.map;
    this.#mapping = parts.map(this, false);
    this.#sending = { from: this.#mapping, text: '', port: 0 };
    this.up = new NetEmulator(parts.up, parts.upRandom, loop.now(), (atMs, datagram) => {
      const { from, text, port } = this.#sending;
      loop.at(atMs, () => {
        parts.arrive(datagram, from, text, port);
      });
    });
    this.down = new NetEmulator(parts.down, parts.downRandom, loop.now(), (atMs, datagram) => {
      const { from: to, text, port } = this.#sending;
      loop.at(atMs, () => {
        if (to.isLive) carrier.receive(datagram, text, port);
        else this.lost++;
      });
    });
  }

  /** What the gateway sees. */
  get publicAddress(): SocketAddress {
    return { address: this.#mapping.text, family: 4, port: this.#mapping.port };
  }

  /** Changes the weather; what is on its way stays on its way. */
  setLinks(up: LinkProfile, down: LinkProfile = up): void {
    this.up.setProfile(up);
    this.down.setProfile(down);
  }

  /** Nothing that is sent from now on passes, for so long; 0 ends a black hole. What is on its way still arrives. */
  blackHole(direction: LineDirection | 'both', forMs = Infinity): void {
    const untilMs = forMs > 0 ? this.#loop.now() + forMs : -Infinity;
    if (direction !== 'down') this.#darkUntilMs.up = untilMs;
    if (direction !== 'up') this.#darkUntilMs.down = untilMs;
  }

  /**
   * The NAT gives the client another port, or another host address as after a change of networks. What is on its way to the
   * old one is lost unless that is kept.
   */
  rebind(options: { readonly newHost?: boolean; readonly keepOld?: boolean } = {}): void {
    if (options.keepOld !== true) this.#mapping.isLive = false;
    this.#mapping = this.#map(this, options.newHost ?? false);
  }

  // ---- the network's side ----

  /** The client's socket sends. */
  sendUp(text: string, port: number, bytes: Uint8Array, offset: number, length: number): void {
    if (this.#isDark('up')) return;
    this.#sending = { from: this.#mapping, text, port };
    this.up.send(this.#loop.now(), bytes, offset, length);
  }

  /** Somebody sends to an address of the client. */
  sendDown(
    to: NatMapping,
    text: string,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    if (this.#isDark('down')) return;
    this.#sending = { from: to, text, port };
    this.down.send(this.#loop.now(), bytes, offset, length);
  }

  #isDark(direction: LineDirection): boolean {
    if (this.#loop.now() >= this.#darkUntilMs[direction]) return false;
    this.lost++;
    return true;
  }
}
