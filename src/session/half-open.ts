import type { SocketAddress } from '../base/address.ts';
import type { HandshakeCrypto } from '../base/handshake-crypto.ts';
import { CIPHER_TAG_BYTES, type PacketCipher } from '../base/packet-cipher.ts';
import { HandshakeKind, RANDOM_BYTES, writeHelloAckHeader } from '../wire/hello.ts';
import type { TicketBody } from '../wire/ticket.ts';
import type { SendArena } from '../base/send-arena.ts';
import type { PathArena } from './path-arena.ts';
import { Seal } from './seal.ts';
import { addSessionKey } from './session-keys.ts';
import type { AuthenticHello } from './server-handshake.ts';
import { PATH_DATA_BYTES } from '../wire/path-probe.ts';
import { PathChallenge } from './path-challenge.ts';
import { Path } from './path.ts';

/** One of the places a HELLO came from, in the host's numbers. */
export interface HelloOrigin {
  readonly port: number;
  readonly slot: number;
  /** What a trusted proxy said is the client's address there. */
  readonly clientAddress: SocketAddress | undefined;
  /** 8 random bytes that went there with the answer, and nowhere else: whoever returns them is there. */
  readonly challenge: Uint8Array;
}

/**
 * A handshake that was answered and not finished: the gateway made its random and keys, and waits for the first datagram
 * sealed with the client's, which nobody can make who did not receive the answer. Small, and short-lived.
 */
export class HalfOpen {
  readonly conv: number;
  readonly ticket: TicketBody;
  readonly clientRandom: Uint8Array;
  /** Undefined for a clear session. */
  readonly seal: Seal | undefined;
  /** Where its HELLO came from, as long as it is half-open: a client may send it on many paths. The first one first. */
  origins: readonly HelloOrigin[] = [];
  /** When it is forgotten, in the host's ms; see {@link renew}. */
  expiresAt: number;
  /** An answer went to an address that is not among the origins, too. */
  isAnsweredElsewhere = false;
  /** Segments that came with the HELLO, to be applied when the session opens. */
  readonly early: Uint8Array | undefined;
  private readonly renewableUntil: number;
  private readonly serverRandom: Uint8Array;
  private readonly randomBytes: (length: number) => Uint8Array;
  /** A clear session has no keys to count for. */
  private clearPn = 0;

  constructor(
    hello: AuthenticHello,
    tools: { readonly crypto: HandshakeCrypto; readonly cipher: PacketCipher },
    expiresAt: number,
    early?: Uint8Array,
  ) {
    this.conv = hello.conv;
    this.ticket = hello.ticket;
    this.clientRandom = hello.clientRandom;
    this.expiresAt = expiresAt;
    this.renewableUntil = expiresAt + RENEWABLE_MS;
    this.early = early;
    this.randomBytes = (length) => tools.crypto.randomBytes(length);
    this.serverRandom = this.randomBytes(RANDOM_BYTES);
    if (hello.isClear) return;
    const material = {
      conv: hello.conv,
      secret: hello.ticket.secret,
      clientRandom: hello.clientRandom,
      serverRandom: this.serverRandom,
    };
    this.seal = new Seal(
      addSessionKey(tools.crypto, tools.cipher, material, 'server'),
      addSessionKey(tools.crypto, tools.cipher, material, 'client'),
    );
  }

  /** Its client said HELLO again. @returns false when it has been kept for long enough: nothing changes. */
  renew(expiresAt: number): boolean {
    if (expiresAt > this.renewableUntil) return false;
    this.expiresAt = expiresAt;
    return true;
  }

  originAt(port: number, slot: number): HelloOrigin | undefined {
    return this.origins.find((origin) => origin.port === port && origin.slot === slot);
  }

  /** A HELLO came from one more place. @returns undefined when there are too many: nothing is kept of it. */
  addOrigin(port: number, slot: number, clientAddress: SocketAddress | undefined): HelloOrigin | undefined {
    if (this.origins.length >= MAX_ORIGINS) return undefined;
    const origin = { port, slot, clientAddress, challenge: this.randomBytes(PATH_DATA_BYTES) };
    this.origins = [...this.origins, origin];
    return origin;
  }

  /**
   * The path of the session that opens now, with a datagram that came there. An address is proved when the answer went to no
   * other, as only its receiver can have the keys; else when it returns what the answer asked.
   * @param reliable it is a connection, which is proved by itself.
   */
  makePath(now: number, port: number, slot: number, reliable: boolean, id: number): Path {
    const origin = this.originAt(port, slot);
    const isOnly = this.seal !== undefined && this.origins.length === 1 && !this.isAnsweredElsewhere;
    const validated = reliable || (origin !== undefined && isOnly);
    const path = new Path(port, slot, reliable, id, { validated, announcing: false });
    path.clientAddress = (origin ?? this.origins[0])?.clientAddress;
    if (!validated && origin !== undefined)
      path.challenge = PathChallenge.sentAt(now, origin.challenge, RESPONSE_MS);
    return path;
  }

  /**
   * Writes a HELLO_ACK, each time with a new packet number.
   * @param bodyBytes room for the segments in it. @param writeBody writes them; returns their length.
   * @returns false when the arena was full.
   */
  writeAck(
    arena: PathArena,
    bodyBytes: number,
    writeBody: (arena: SendArena, at: number) => number,
  ): boolean {
    const tag = this.seal === undefined ? 0 : CIPHER_TAG_BYTES;
    const at = arena.reserveWhole(ACK_HEADER_ROOM + bodyBytes + tag);
    if (at < 0) return false;
    const { conv, seal, serverRandom: random } = this;
    const kind = seal === undefined ? HandshakeKind.helloClearAck : HandshakeKind.helloAck;
    const pn = seal === undefined ? this.clearPn++ : seal.nextPn++;
    const header = writeHelloAckHeader(arena, at, { kind, conv, pn, random });
    const body = writeBody(arena, at + header);
    arena.commitWhole(header + body + tag, header, header, seal?.sendKey ?? 0, pn);
    return true;
  }

  /** Forgets its keys; not when a session took them over. */
  dispose(cipher: PacketCipher): void {
    if (this.seal === undefined) return;
    cipher.removeKey(this.seal.sendKey);
    cipher.removeKey(this.seal.receiveKey);
  }
}

/** For how long repeated HELLOs keep it, beyond its first time: as long as clients wait for an answer, in ms. */
const RENEWABLE_MS = 10_000;
/** As many as a client has at most. */
const MAX_ORIGINS = 32;
/** The answer to a challenge comes with the first datagrams of a session: how long the others may be ahead, in ms. */
const RESPONSE_MS = 200;
/** A HELLO_ACK's header takes 28 bytes. */
const ACK_HEADER_ROOM = 32;
