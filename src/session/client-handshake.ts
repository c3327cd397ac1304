import { NEVER } from '../base/clock.ts';
import type { HandshakeCrypto } from '../base/handshake-crypto.ts';
import { CIPHER_TAG_BYTES, type PacketCipher } from '../base/packet-cipher.ts';
import type { SendArena } from '../base/send-arena.ts';
import { ADDRESS_BLOCK_BYTES } from '../wire/address-block.ts';
import {
  HandshakeKind,
  MIN_UDP_HELLO_BYTES,
  RANDOM_BYTES,
  readHelloAck,
  writeHelloHeader,
} from '../wire/hello.ts';
import { writePadding } from '../wire/padding.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import { openDatagram } from './open-datagram.ts';
import type { PathArena } from './path-arena.ts';
import type { Path } from './path.ts';
import { Seal } from './seal.ts';
import { addSessionKey } from './session-keys.ts';

/** What a client got from its login for one session. */
export interface SessionCredentials {
  readonly conv: number;
  /** Opaque. */
  readonly ticket: Uint8Array;
  /** 32 bytes that the ticket holds, too. */
  readonly secret: Uint8Array;
  /** 16 bytes: only a RESET that carries them is believed. */
  readonly resetToken: Uint8Array;
  /** `clear`: no encryption; for lines that are confidential themselves. */
  readonly seal: 'aead' | 'clear';
}

/** What a client's handshake works with. */
export interface HandshakeTools {
  readonly crypto: HandshakeCrypto;
  readonly cipher: PacketCipher;
}

/** What a HELLO_ACK that was understood says: the seal of the session, and where its segments stand. */
export interface HandshakeAnswer {
  /** Undefined for a clear session. */
  readonly seal: Seal | undefined;
  /** It is not the handshake that was answered before: the gateway does not know the session any more. */
  readonly isAnother: boolean;
  readonly bodyAt: number;
  readonly bodyLength: number;
}

/**
 * The client's side of the handshake: HELLO, on one path or several, repeated with new packet numbers and the same client
 * random until a HELLO_ACK opens with the keys that follow from it (protocol.md, "Handshake").
 */
export class ClientHandshake {
  readonly credentials: SessionCredentials;
  private readonly tools: HandshakeTools;
  private readonly clientRandom: Uint8Array;
  private readonly kind: typeof HandshakeKind.hello | typeof HandshakeKind.helloClear;
  /** Slot of the early key; 0 for a clear session. */
  private earlyKey = 0;
  private pn = 0;
  private nextAt = 0;
  private waitMs = FIRST_WAIT_MS;
  private readonly giveUpAt: number;
  /** Of a clear session, which has nothing else to know its gateway by. */
  private serverRandom: Uint8Array | undefined;

  /** @param timeoutMs how long to try. */
  constructor(credentials: SessionCredentials, tools: HandshakeTools, now: number, timeoutMs: number) {
    this.credentials = credentials;
    this.tools = tools;
    this.clientRandom = tools.crypto.randomBytes(RANDOM_BYTES);
    this.giveUpAt = now + timeoutMs;
    if (credentials.seal === 'clear') {
      this.kind = HandshakeKind.helloClear;
    } else {
      this.kind = HandshakeKind.hello;
      const { conv, secret } = credentials;
      const material = { conv, secret, clientRandom: this.clientRandom };
      this.earlyKey = addSessionKey(tools.crypto, tools.cipher, material, 'early');
    }
  }

  /** The next HELLO is due on every path. */
  isDue(now: number): boolean {
    return now >= this.nextAt;
  }

  /** It is about to be written. */
  beginRound(now: number): void {
    this.nextAt = now + this.waitMs;
    this.waitMs = Math.min(MAX_WAIT_MS, this.waitMs * 2);
  }

  isSpent(now: number): boolean {
    return now >= this.giveUpAt;
  }

  /** When to look again, in ms; NEVER before the first HELLO was written. */
  get deadline(): number {
    return this.pn === 0 ? NEVER : Math.min(this.nextAt, this.giveUpAt);
  }

  /** The next HELLO is to go out at once: there is a new path. */
  hurry(): void {
    this.nextAt = 0;
    this.waitMs = FIRST_WAIT_MS;
  }

  /**
   * Writes a HELLO, padded to 1200 bytes where the path is no connection.
   * @param writeEarly writes segments that may come with it, at most so many bytes; returns their length.
   * @returns false when the arena was full: nothing was written.
   */
  write(
    arena: PathArena,
    path: Path,
    writeEarly: (arena: SendArena, at: number, room: number) => number,
  ): boolean {
    const { ticket, conv } = this.credentials;
    const tag = this.earlyKey === 0 ? 0 : CIPHER_TAG_BYTES;
    const at = arena.reserveWhole(Math.max(MIN_UDP_HELLO_BYTES, HELLO_FIXED_BYTES + ticket.length));
    if (at < 0) return false;
    const { kind, pn, clientRandom: random } = this;
    const withBlock = path.isAnnouncing;
    const headerLength = writeHelloHeader(arena, at, { kind, conv, pn, random, ticket, withBlock });
    const room = MIN_UDP_HELLO_BYTES - headerLength - tag;
    let body = room > 0 ? writeEarly(arena, at + headerLength, room) : 0;
    // Padding has a header of its own: where that does not fit, early segments alone come near enough.
    const missing = room - body - SEGMENT_HEADER_BYTES;
    if (!path.reliable && missing >= 0) {
      body += writePadding(arena, at + headerLength + body, { type: 'padding', conv, paddingBytes: missing });
    }
    const additional = headerLength - (withBlock ? ADDRESS_BLOCK_BYTES : 0);
    arena.commitWhole(headerLength + body + tag, additional, headerLength, this.earlyKey, pn);
    this.pn++;
    return true;
  }

  /** Takes a HELLO_ACK; opens it in place. @returns undefined when it is not the answer to this handshake. */
  handleAck(bytes: Uint8Array, view: DataView, at: number, length: number): HandshakeAnswer | undefined {
    const ack = readHelloAck(view, at, length);
    if (typeof ack === 'string' || ack.conv !== this.credentials.conv) return undefined;
    const expected = this.earlyKey === 0 ? HandshakeKind.helloClearAck : HandshakeKind.helloAck;
    if (ack.kind !== expected) return undefined;
    const { crypto, cipher } = this.tools;
    const serverRandom = bytes.slice(ack.randomAt, ack.randomAt + RANDOM_BYTES);
    if (this.earlyKey === 0) {
      this.serverRandom ??= serverRandom;
      const isAnother = !crypto.equal(this.serverRandom, serverRandom);
      return { seal: undefined, isAnother, bodyAt: ack.bodyAt, bodyLength: ack.bodyLength };
    }
    const { conv, secret } = this.credentials;
    const material = { conv, secret, clientRandom: this.clientRandom, serverRandom };
    const receiveKey = addSessionKey(crypto, cipher, material, 'server');
    const header = ack.additionalLength;
    if (!openDatagram(cipher, bytes, at, header, header, length, receiveKey, ack.pn)) {
      cipher.removeKey(receiveKey);
      return undefined;
    }
    const seal = new Seal(addSessionKey(crypto, cipher, material, 'client'), receiveKey);
    seal.replay.accept(ack.pn);
    return { seal, isAnother: false, bodyAt: ack.bodyAt, bodyLength: ack.bodyLength - CIPHER_TAG_BYTES };
  }

  /** Whether a RESET with this token is the gateway's. */
  isResetToken(token: Uint8Array): boolean {
    return this.tools.crypto.equal(token, this.credentials.resetToken);
  }

  /** Forgets the early key. Safe to call twice. */
  dispose(): void {
    if (this.earlyKey === 0) return;
    this.tools.cipher.removeKey(this.earlyKey);
    this.earlyKey = 0;
  }
}

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 2_000;
/** Header, tag and one empty segment around a ticket; room for a HELLO that is not padded. */
const HELLO_FIXED_BYTES = 256;
