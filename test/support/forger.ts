import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

/** A key and its iv, as the protocol document says they are derived. */
interface DerivedKey {
  readonly key: Buffer;
  readonly iv: Buffer;
}

/** What a login gave somebody who means no good. */
export interface ForgedLogin {
  readonly conv: number;
  readonly ticket: Uint8Array;
  readonly secret: Uint8Array;
  readonly isClear: boolean;
}

/** Changes a HELLO so that it is not what it should be. */
export interface HelloChanges {
  /** For this conversation instead of the ticket's. */
  readonly conv?: number;
  readonly isClear?: boolean;
  /** Sealed with the key of another secret. */
  readonly secret?: Uint8Array;
  readonly withBlock?: Uint8Array;
  /** Bytes in all. Default 1200. */
  readonly length?: number;
}

/**
 * The datagrams of one session, made by hand on Node's crypto module: its maker holds the keys and says whatever it likes. It
 * shares no code with what is tested.
 */
export class Forger {
  readonly login: ForgedLogin;
  readonly clientRandom: Buffer;
  #hellos = 0;
  #earlyKey: DerivedKey | undefined;
  #clientKey: DerivedKey | undefined;
  #serverKey: DerivedKey | undefined;
  /** The next packet number. */
  pn = 0;

  constructor(login: ForgedLogin, clientRandom: Uint8Array) {
    this.login = login;
    this.clientRandom = Buffer.from(clientRandom);
  }

  /** It has opened an answer. */
  get hasKeys(): boolean {
    return this.#clientKey !== undefined || this.login.isClear;
  }

  /** A HELLO, each with a new packet number. */
  hello(segments: Uint8Array, changes: HelloChanges = {}): Buffer {
    const { login, clientRandom } = this;
    const { conv = login.conv, isClear = login.isClear, secret = login.secret, withBlock } = changes;
    const pn = isClear ? 0 : this.#hellos++;
    const kind = (isClear ? 0xb2 : 0xb0) | (withBlock === undefined ? 0 : 4);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(conv);
    header[4] = kind;
    header[5] = 1;
    header.writeUIntLE(pn, 6, 6);
    clientRandom.copy(header, 12);
    header.writeUInt16LE(login.ticket.length, 28);
    const additional = Buffer.concat([header, login.ticket]);
    const block = withBlock ?? Buffer.alloc(0);
    const room = (changes.length ?? 1200) - additional.length - block.length - (isClear ? 0 : 16);
    const body = Buffer.alloc(Math.max(0, room));
    body.set(segments.subarray(0, body.length));
    if (isClear) return Buffer.concat([additional, block, body]);
    const key = (this.#earlyKey = derive(secret, clientRandom, 'early'));
    return Buffer.concat([additional, block, seal(key, pn, additional, body)]);
  }

  /** Takes what a gateway answered. @returns whether it was a HELLO_ACK for this session. */
  takeAnswer(datagram: Uint8Array): boolean {
    const ack = Buffer.from(datagram);
    if (ack.length < 44 || ack[4] !== 0xb1 || ack.readUInt32LE(0) !== this.login.conv) return false;
    const salt = Buffer.concat([this.clientRandom, ack.subarray(12, 28)]);
    const serverKey = derive(this.login.secret, salt, 'server');
    if (open(serverKey, ack.readUIntLE(6, 6), ack.subarray(0, 28), ack.subarray(28)) === undefined)
      return false;
    this.#serverKey = serverKey;
    this.#clientKey = derive(this.login.secret, salt, 'client');
    return true;
  }

  /** Key and iv of one kind, once there was an answer. */
  keyOf(purpose: 'early' | 'client' | 'server'): Buffer {
    const own = { early: this.#earlyKey, client: this.#clientKey, server: this.#serverKey }[purpose];
    if (own === undefined) throw new Error('there was no answer yet');
    return Buffer.concat([own.key, own.iv]);
  }

  /** The segments in an answer that {@link takeAnswer} has taken. */
  readAnswer(datagram: Uint8Array): Buffer {
    const ack = Buffer.from(datagram);
    const segments =
      this.#serverKey && open(this.#serverKey, ack.readUIntLE(6, 6), ack.subarray(0, 28), ack.subarray(28));
    if (segments === undefined) throw new Error('it is no answer to this HELLO');
    return segments;
  }

  /** Segments that the gateway sealed for this session; undefined when they are none. */
  read(datagram: Uint8Array): Buffer | undefined {
    const sealed = Buffer.from(datagram);
    if (this.#serverKey === undefined || sealed.length < 28 || sealed[4] !== 0xa0) return undefined;
    return open(this.#serverKey, sealed.readUIntLE(6, 6), sealed.subarray(0, 12), sealed.subarray(12));
  }

  /** Whatever bytes, sealed as this session's: authentic, with the next packet number unless another is given. */
  sealed(segments: Uint8Array, pathId: number, withBlock?: Uint8Array, pn = this.pn++): Buffer {
    if (this.#clientKey === undefined) return Buffer.from(segments);
    const header = Buffer.alloc(12);
    header.writeUInt32LE(this.login.conv);
    header[4] = withBlock === undefined ? 0xa0 : 0xa4;
    header[5] = pathId;
    header.writeUIntLE(pn, 6, 6);
    return Buffer.concat([
      header,
      withBlock ?? Buffer.alloc(0),
      seal(this.#clientKey, pn, header, Buffer.from(segments)),
    ]);
  }
}

function derive(secret: Uint8Array, salt: Uint8Array, purpose: string): DerivedKey {
  const bytes = Buffer.from(hkdfSync('sha256', secret, salt, `kcpgate/1 ${purpose}`, 28));
  return { key: bytes.subarray(0, 16), iv: bytes.subarray(16) };
}

function nonceOf({ iv }: DerivedKey, pn: number): Buffer {
  const nonce = Buffer.from(iv);
  const number = Buffer.alloc(6);
  number.writeUIntBE(pn, 0, 6);
  for (let i = 0; i < 6; i++) nonce[6 + i]! ^= number[i]!;
  return nonce;
}

function seal(key: DerivedKey, pn: number, additional: Buffer, text: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-gcm', key.key, nonceOf(key, pn));
  cipher.setAAD(additional);
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

function open(key: DerivedKey, pn: number, additional: Buffer, sealed: Buffer): Buffer | undefined {
  const decipher = createDecipheriv('aes-128-gcm', key.key, nonceOf(key, pn), { authTagLength: 16 });
  decipher.setAAD(additional);
  decipher.setAuthTag(sealed.subarray(sealed.length - 16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
  } catch {
    return undefined;
  }
}
