import type { SocketAddress } from '../../src/base/address.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { chance, pick } from './endpoint-attacker.ts';
import { pickOf, type LoginAttacker } from './login-endpoint-attacker.ts';
import { Forger, type ForgedLogin, type HelloChanges } from '../support/forger.ts';

/** A datagram, and whether it comes from where its maker is or bears the address of somebody else. */
export interface HostileDatagram {
  readonly bytes: Uint8Array;
  readonly isSpoofed: boolean;
  /** What made it, if it is authentic. */
  readonly forger: Forger | undefined;
}

export interface HostilePeerOptions {
  readonly random: SeededRandom;
  readonly attacker: LoginAttacker;
  readonly address: SocketAddress;
  /** Logs in, in good or bad faith. */
  readonly login: () => ForgedLogin;
  /** Another conversation, which belongs to somebody else. */
  readonly otherConversation: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Somebody with logins of their own who holds to no rule: everything they seal is authentic, and nothing else about it is right. */
export class HostilePeer {
  readonly address: SocketAddress;
  readonly #options: HostilePeerOptions;
  readonly #forgers: Forger[] = [];
  /** Challenges of the gateway that were read, to be answered from anywhere. */
  readonly #challenges: { readonly forger: Forger; readonly segment: Buffer }[] = [];
  #sn = 0;

  constructor(options: HostilePeerOptions) {
    this.#options = options;
    this.address = options.address;
  }

  get conversations(): number[] {
    return this.#forgers.map(({ login }) => login.conv);
  }

  /** Takes what the gateway sent to its real address. */
  take(datagram: Uint8Array): void {
    for (const forger of this.#forgers) {
      if (forger.takeAnswer(datagram)) return;
      const segments = forger.read(datagram);
      if (segments === undefined) continue;
      for (let at = 0; at + 32 <= segments.length; at += 24 + segments.readUInt32LE(at + 20)) {
        if (segments[at + 4] === 90)
          this.#challenges.push({ forger, segment: segments.subarray(at, at + 32) });
      }
      this.#challenges.splice(0, this.#challenges.length - MAX_KEPT);
      return;
    }
  }

  /** The next datagrams it sends. */
  act(): HostileDatagram[] {
    const { random } = this.#options;
    const roll = random.nextFloat();
    const open = this.#forgers.filter(({ hasKeys }) => hasKeys);
    if (this.#forgers.length === 0 || roll < 0.08) return this.#begin();
    if (roll < 0.2) return this.#badHello();
    if (open.length === 0 || roll < 0.3) return this.#repeatHello();
    const forger = pickOf(random, open);
    const count = chance(random, 0.1) ? 20 : 1;
    return Array.from({ length: count }, () => this.#sealed(forger));
  }

  /** Many HELLOs, each of a login of its own. */
  flood(count: number): HostileDatagram[] {
    const { random, login, randomBytes } = this.#options;
    return Array.from({ length: count }, () => {
      const forger = new Forger(login(), randomBytes(16));
      return { bytes: forger.hello(new Uint8Array(0)), isSpoofed: chance(random, 0.5), forger };
    });
  }

  /** A new session, or the old one anew. Half of the time somebody else's address said HELLO first. */
  #begin(): HostileDatagram[] {
    const { random, login, randomBytes } = this.#options;
    const old = this.#forgers.length > 0 && chance(random, 0.3) ? pickOf(random, this.#forgers) : undefined;
    const forger = new Forger(old?.login ?? login(), randomBytes(16));
    this.#forgers.push(forger);
    if (this.#forgers.length > MAX_KEPT) this.#forgers.shift();
    const hello = (isSpoofed: boolean): HostileDatagram => ({
      bytes: forger.hello(this.#segments(forger.login.conv)),
      isSpoofed,
      forger,
    });
    return chance(random, 0.5) ? [hello(true), hello(false)] : [hello(false)];
  }

  #repeatHello(): HostileDatagram[] {
    const { random, attacker } = this.#options;
    const forger = pickOf(random, this.#forgers);
    const block = chance(random, 0.3) ? { withBlock: attacker.block() } : {};
    const length = pick(random, [1200, 1200, 1201, 2000]);
    const bytes = forger.hello(this.#segments(forger.login.conv), { ...block, length });
    return [{ bytes, isSpoofed: chance(random, 0.3), forger }];
  }

  /** A HELLO that must not open anything. */
  #badHello(): HostileDatagram[] {
    const { random, login, otherConversation, randomBytes } = this.#options;
    const made = login();
    const forger = new Forger(made, randomBytes(16));
    const changes = pick<HelloChanges>(random, [
      { conv: otherConversation() },
      { isClear: !made.isClear },
      { secret: randomBytes(32) },
      { length: pick(random, [0, 200, 1199]) },
    ]);
    const bytes = forger.hello(new Uint8Array(0), changes);
    const isFlipped = chance(random, 0.3);
    if (isFlipped) bytes[30 + random.nextInt(made.ticket.length)]! ^= 1 << random.nextInt(8);
    // One that is only too short for UDP is all right on a connection.
    const isAuthentic = changes.length !== undefined && !isFlipped;
    return [{ bytes, isSpoofed: chance(random, 0.3), forger: isAuthentic ? forger : undefined }];
  }

  #sealed(forger: Forger): HostileDatagram {
    const { random, attacker } = this.#options;
    if (chance(random, 0.03)) forger.pn += pick(random, [1, 100, 4095, 4096, 5000, 2 ** 32]);
    if (chance(random, 0.002)) forger.pn = 2 ** 40;
    const answered = chance(random, 0.2) ? this.#response() : undefined;
    const from = answered?.forger ?? forger;
    const segments = answered?.segment ?? this.#segments(from.login.conv);
    const pathId = pick(random, [0, 0, 1, 2, random.nextInt(256)]);
    const block = chance(random, 0.2) ? attacker.block() : undefined;
    const isOld = chance(random, 0.03);
    const pn = isOld ? random.nextInt(Math.min(from.pn + 1, 2 ** 31)) : undefined;
    const bytes = from.sealed(segments, pathId, block, pn);
    return { bytes, isSpoofed: chance(random, 0.25), forger: from };
  }

  #response(): { forger: Forger; segment: Buffer } | undefined {
    const { random } = this.#options;
    if (this.#challenges.length === 0) return undefined;
    const { forger, segment } = pickOf(random, this.#challenges);
    const response = Buffer.from(segment);
    response[4] = 91;
    return { forger, segment: response };
  }

  /** Data in order, a challenge, or anything at all. */
  #segments(conv: number): Uint8Array {
    const { random, attacker } = this.#options;
    const roll = random.nextFloat();
    if (roll < 0.4) return attacker.clear.hostile([conv]).subarray(0, 1300);
    if (roll < 0.5) return new Uint8Array(0);
    const length = roll < 0.7 ? 8 : pick(random, [1, 500, 1200]);
    const segment = Buffer.alloc(24 + length);
    segment.writeUInt32LE(conv);
    segment[4] = roll < 0.7 ? 90 : 81;
    segment.writeUInt16LE(128, 6);
    segment.writeUInt32LE(roll < 0.7 ? 0 : this.#sn++ % 64, 12);
    segment.writeUInt32LE(length, 20);
    return segment;
  }
}

const MAX_KEPT = 6;
