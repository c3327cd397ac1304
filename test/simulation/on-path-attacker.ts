import type { SocketAddress } from '../../src/base/address.ts';
import type { RandomSource } from '../../src/base/random-source.ts';
import type { DatagramLine, LineDirection } from './datagram-line.ts';
import type { MultiPathNetwork } from './multi-path-network.ts';
import type { Tap } from './tapped-carrier.ts';

/** Somebody who sees the datagrams of sealed sessions, and sends them again from an address of his own. */
export class OnPathAttacker {
  readonly #line: DatagramLine;
  readonly #random: RandomSource;
  /** The last datagrams of each client, and those for it. */
  readonly #seen = new Map<string, Uint8Array[]>();
  /** Datagrams of each client that he will send first. */
  readonly #races = new Map<number, { left: number; readonly isInstead: boolean }>();

  constructor(network: MultiPathNetwork, random: RandomSource) {
    this.#line = network.addClient().openUdp({ nat: false });
    this.#line.carrier.start(() => undefined);
    this.#random = random;
  }

  get sentBytes(): number {
    return this.#line.carrier.stats().sentBytes;
  }

  get receivedBytes(): number {
    return this.#line.carrier.stats().receivedBytes;
  }

  /** To be asked about every datagram of a client. */
  tapOf(client: number): Tap {
    return (bytes, to) => {
      this.#note(client, 'up', bytes);
      const race = this.#races.get(client);
      if (race === undefined || race.left === 0) return true;
      race.left--;
      this.#send(bytes, to);
      return !race.isInstead;
    };
  }

  /** To be asked about every datagram of the gateway. @param clientOf whose a `conv` is, -1 for nobody's. */
  tapOfGateway(clientOf: (conv: number) => number): Tap {
    return (bytes) => {
      const conv = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      this.#note(clientOf(conv), 'down', bytes);
      return true;
    };
  }

  /** Sends datagrams again, with some bits changed. @returns how many. */
  replay(client: number, direction: LineDirection, to: SocketAddress, count: number, flips: number): number {
    const seen = this.#seen.get(keyOf(client, direction)) ?? [];
    if (seen.length === 0) return 0;
    for (let i = 0; i < count; i++) {
      const datagram = seen[this.#random.nextUint32() % seen.length]!.slice();
      for (let flip = 0; flip < flips; flip++) {
        const at = this.#random.nextUint32() % (8 * datagram.length);
        datagram[at >> 3]! ^= 1 << (at & 7);
      }
      this.#send(datagram, to);
    }
    return count;
  }

  /** Is faster than a client with its next datagrams; they may not arrive at all otherwise. */
  race(client: number, count: number, isInstead: boolean): void {
    this.#races.set(client, { left: count, isInstead });
  }

  /** He still waits for datagrams of that client. */
  isRacing(client: number): boolean {
    return (this.#races.get(client)?.left ?? 0) > 0;
  }

  stop(): void {
    this.#races.clear();
  }

  #note(client: number, direction: LineDirection, bytes: Uint8Array): void {
    // Clear ones, such as RESET, prove nothing but themselves: who can send them again can end a session.
    if (bytes[4]! < FIRST_PROTECTED_KIND) return;
    const key = keyOf(client, direction);
    const seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, [bytes.slice()]);
    else {
      if (seen.length === MOST_SEEN) seen.shift();
      seen.push(bytes.slice());
    }
  }

  #send(bytes: Uint8Array, to: SocketAddress): void {
    const { carrier } = this.#line;
    const slot = carrier.intern(to);
    const at = carrier.arena.reserve(bytes.length);
    carrier.arena.bytes.set(bytes, at);
    carrier.arena.target = slot;
    carrier.arena.commit(bytes.length);
    carrier.flush();
    carrier.release(slot);
  }
}

const keyOf = (client: number, direction: LineDirection): string => `${client} ${direction}`;
const MOST_SEEN = 48;
const FIRST_PROTECTED_KIND = 0xa0;
