import { CIPHER_STRIDE, describeDatagram } from '../../../src/base/packet-cipher.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { NodePacketCipher } from '../../../src/crypto/node-packet-cipher.ts';
import type { KeyPurpose } from '../../../src/base/handshake-crypto.ts';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { SessionCredentials } from '../../../src/session/index.ts';
import { ADDRESS_BLOCK_BYTES, writeAddressBlock } from '../../../src/wire/address-block.ts';
import { readAnySegment, writeAnySegment, type AnySegment } from '../../../src/wire/any-segment.ts';
import { HandshakeKind, readHelloAck, writeHelloHeader } from '../../../src/wire/hello.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { SEALED_HEADER_BYTES, packetNumberOf, writeSealedHeader } from '../../../src/wire/sealed-header.ts';

/** How a datagram differs from the usual one. */
export interface HandMade {
  readonly pn?: number;
  readonly pathId?: number;
  /** It says of itself that it is a copy. Default false. */
  readonly isCopy?: boolean;
  /** An address block with this address; null: one that is not filled. Default: none. */
  readonly block?: SocketAddress | null;
}

/** Datagrams of one client that logged in, made one by one: when, whence and how often they arrive is for the test. */
export class HandMadeClient {
  readonly credentials: SessionCredentials;
  readonly clientRandom: Uint8Array;
  /** The next packet number. */
  pn = 0;
  readonly #crypto = createHandshakeCrypto();
  readonly #cipher = new NodePacketCipher();
  #hellos = 0;
  #sendKey = 0;
  #receiveKey = 0;

  constructor(credentials: SessionCredentials, clientRandom?: Uint8Array) {
    this.credentials = credentials;
    this.clientRandom = clientRandom ?? this.#crypto.randomBytes(16);
  }

  get conv(): number {
    return this.credentials.conv;
  }

  get isClear(): boolean {
    return this.credentials.seal === 'clear';
  }

  /** A HELLO, padded to `length`. */
  hello(segments: readonly AnySegment[] = [], length = 1200, { block, pn }: HandMade = {}): Uint8Array {
    const memory = wireMemory(new Uint8Array(2048));
    const { conv, isClear, clientRandom: random } = this;
    const { ticket } = this.credentials;
    const kind = isClear ? HandshakeKind.helloClear : HandshakeKind.hello;
    const number = pn ?? this.#hellos++;
    const withBlock = block !== undefined;
    const header = writeHelloHeader(memory, 0, { kind, conv, pn: number, random, ticket, withBlock });
    if (withBlock) writeAddressBlock(memory, header - ADDRESS_BLOCK_BYTES, block);
    let end = header;
    for (const segment of segments) end += writeAnySegment(memory, end, segment);
    const tag = isClear ? 0 : 16;
    const padding = length - end - tag - 24;
    if (padding >= 0) end += writeAnySegment(memory, end, { type: 'padding', conv, paddingBytes: padding });
    const datagram = memory.bytes.slice(0, end + tag);
    if (isClear) return datagram;
    const additional = header - (withBlock ? ADDRESS_BLOCK_BYTES : 0);
    const key = this.#key('early', this.clientRandom);
    this.#seal(datagram, additional, header, key, number);
    return datagram;
  }

  /** Takes a HELLO_ACK. @returns its segments; undefined when it is none for this handshake. */
  takeAck(datagram: Uint8Array): AnySegment[] | undefined {
    const bytes = datagram.slice();
    const { view } = wireMemory(bytes);
    const ack = readHelloAck(view, 0, bytes.length);
    if (typeof ack === 'string' || ack.conv !== this.conv) return undefined;
    if (this.isClear) return this.#segments(bytes, ack.bodyAt, bytes.length);
    const salt = new Uint8Array(32);
    salt.set(this.clientRandom);
    salt.set(bytes.subarray(ack.randomAt, ack.randomAt + 16), 16);
    const key = this.#key('server', salt);
    if (!this.#open(bytes, ack.additionalLength, ack.additionalLength, key, ack.pn)) return undefined;
    this.#receiveKey = key;
    this.#sendKey = this.#key('client', salt);
    return this.#segments(bytes, ack.bodyAt, bytes.length - 16);
  }

  /** Segments in a datagram of this session. */
  datagram(
    segments: readonly AnySegment[],
    { pn, pathId = 0, block, isCopy = false }: HandMade = {},
  ): Uint8Array {
    const memory = wireMemory(new Uint8Array(2048));
    const withBlock = block !== undefined;
    const header = this.isClear ? 0 : SEALED_HEADER_BYTES + (withBlock ? ADDRESS_BLOCK_BYTES : 0);
    let end = header;
    for (const segment of segments) end += writeAnySegment(memory, end, segment);
    if (this.isClear) return memory.bytes.slice(0, end);
    const number = pn ?? this.pn++;
    writeSealedHeader(memory.view, 0, this.conv, pathId, number, withBlock, isCopy);
    if (withBlock) writeAddressBlock(memory, SEALED_HEADER_BYTES, block);
    const datagram = memory.bytes.slice(0, end + 16);
    this.#seal(datagram, SEALED_HEADER_BYTES, header, this.#sendKey, number);
    return datagram;
  }

  /** The segments of a datagram of the gateway; undefined when it is none of this session. */
  open(datagram: Uint8Array): AnySegment[] | undefined {
    const bytes = datagram.slice();
    const { view } = wireMemory(bytes);
    if (view.getUint32(0, true) !== this.conv) return undefined;
    if (this.isClear) return bytes[4]! >= 0xa0 ? undefined : this.#segments(bytes, 0, bytes.length);
    if (bytes[4] !== 0xa0 && bytes[4] !== 0xa8) return undefined;
    const header = SEALED_HEADER_BYTES;
    if (!this.#open(bytes, header, header, this.#receiveKey, packetNumberOf(view, 0))) return undefined;
    return this.#segments(bytes, header, bytes.length - 16);
  }

  // ---- segments ----

  push(sn: number, text: string, una = 0): AnySegment {
    const payload = Uint8Array.from(text, (c) => c.charCodeAt(0));
    return { type: 'push', conv: this.conv, frg: 0, wnd: 256, ts: 0, sn, una, payload };
  }

  /** Tells the window, and acknowledges everything before `una`: harmless, and no probing. */
  tell(una = 0): AnySegment {
    return { type: 'windowTell', conv: this.conv, wnd: 256, ts: 0, sn: 0, una };
  }

  fin(finalSn: number, code = 0, acknowledges = false): AnySegment {
    return { type: 'fin', acknowledges, conv: this.conv, wnd: 256, una: 0, finalSn, code };
  }

  challenge(data = 1): AnySegment {
    return this.#probe('pathChallenge', new Uint8Array(8).fill(data), 0);
  }

  /** The answer to the first challenge among these segments. */
  responseTo(segments: readonly AnySegment[]): AnySegment {
    for (const segment of segments) {
      if (segment.type === 'pathChallenge') return this.#probe('pathResponse', segment.data, segment.ts);
    }
    throw new Error('nothing was asked');
  }

  #probe(type: 'pathChallenge' | 'pathResponse', data: Uint8Array, ts: number): AnySegment {
    return { type, conv: this.conv, wnd: 256, una: 0, ts, data };
  }

  // ---- keys ----

  #key(purpose: KeyPurpose, salt: Uint8Array): number {
    const derived = this.#crypto.deriveKey(this.credentials.secret, salt, purpose, this.credentials.conv);
    return this.#cipher.addKey(derived.subarray(0, 16), derived.subarray(16));
  }

  #seal(bytes: Uint8Array, additional: number, header: number, key: number, pn: number): void {
    const row = new Int32Array(CIPHER_STRIDE);
    describeDatagram(row, 0, 0, additional, header, bytes.length, key, pn);
    if (this.#cipher.seal(bytes, row, 1) !== 1) throw new Error('it cannot be sealed');
  }

  #open(bytes: Uint8Array, additional: number, header: number, key: number, pn: number): boolean {
    const row = new Int32Array(CIPHER_STRIDE);
    describeDatagram(row, 0, 0, additional, header, bytes.length, key, pn);
    return this.#cipher.open(bytes, row, 1) === 1;
  }

  #segments(bytes: Uint8Array, from: number, end: number): AnySegment[] {
    const memory = wireMemory(bytes);
    const segments: AnySegment[] = [];
    for (let at = from; end - at >= 24;) {
      const segment = readAnySegment(memory, at, end);
      if (typeof segment === 'string') throw new Error(segment);
      segments.push(segment);
      const block = segment.type === 'new' ? ADDRESS_BLOCK_BYTES : 0;
      at += 24 + block + memory.view.getUint32(at + 20, true);
    }
    return segments;
  }
}
