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
  /** Where the HELLO came from, in the host's numbers. */
  readonly port: number;
  readonly slot: number;
  readonly expiresAt: number;
  /** What a trusted proxy said is the client's address. */
  clientAddress: SocketAddress | undefined;
  /** An answer went to another address too: what comes from the first one may have been made by whoever has that. */
  isAnsweredElsewhere = false;
  /** Segments that came with the HELLO, to be applied when the session opens. */
  readonly early: Uint8Array | undefined;
  private readonly serverRandom: Uint8Array;
  /** A clear session has no keys to count for. */
  private clearPn = 0;

  constructor(
    hello: AuthenticHello,
    origin: { readonly port: number; readonly slot: number },
    tools: { readonly crypto: HandshakeCrypto; readonly cipher: PacketCipher },
    expiresAt: number,
    early?: Uint8Array,
  ) {
    this.conv = hello.conv;
    this.ticket = hello.ticket;
    this.clientRandom = hello.clientRandom;
    this.port = origin.port;
    this.slot = origin.slot;
    this.expiresAt = expiresAt;
    this.early = early;
    this.serverRandom = tools.crypto.randomBytes(RANDOM_BYTES);
    if (hello.isClear) return;
    const material = {
      secret: hello.ticket.secret,
      clientRandom: hello.clientRandom,
      serverRandom: this.serverRandom,
    };
    this.seal = new Seal(
      addSessionKey(tools.crypto, tools.cipher, material, 'server'),
      addSessionKey(tools.crypto, tools.cipher, material, 'client'),
    );
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

/** A HELLO_ACK's header takes 28 bytes. */
const ACK_HEADER_ROOM = 32;
