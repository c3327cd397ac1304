import { createCipheriv, createHash } from 'node:crypto';
import type { KeyPurpose } from '../../../../../../src/base/handshake-crypto.ts';
import { createHandshakeCrypto } from '../../../../../../src/crypto/handshake-keys.ts';
import { keyLogLine } from '../../../../../../src/crypto/key-log.ts';
import type { AnySegment } from '../../../../../../src/wire/any-segment.ts';
import { HandshakeKind, writeHelloAckHeader, writeHelloHeader } from '../../../../../../src/wire/hello.ts';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { sealedHeaderBytes, writeSealedHeader } from '../../../../../../src/wire/sealed-header.ts';
import { CONV, datagramOf } from './capture.ts';

export interface SealedFields {
  readonly pathId?: number;
  readonly withBlock?: boolean;
  readonly copy?: boolean;
}

/** Both ends of one handshake, and the datagrams they seal by the rules of the document, with Node's own cryptography. */
export class SealedSeries {
  readonly keyLog: string;
  readonly #clientRandom: Uint8Array;
  readonly #serverRandom: Uint8Array;
  readonly #keys: Record<KeyPurpose, Uint8Array>;

  /** @param name makes its secrets. */
  constructor(name: string, conv = CONV) {
    const { deriveKey } = createHandshakeCrypto();
    const secret = bytesOf(`${name} secret`, 32);
    this.#clientRandom = bytesOf(`${name} client`, 16);
    this.#serverRandom = bytesOf(`${name} server`, 16);
    const both = Buffer.concat([this.#clientRandom, this.#serverRandom]);
    const salts: Record<KeyPurpose, Uint8Array> = { early: this.#clientRandom, client: both, server: both };
    const derive = (purpose: KeyPurpose): Uint8Array => deriveKey(secret, salts[purpose], purpose, conv);
    this.#keys = { early: derive('early'), client: derive('client'), server: derive('server') };
    this.keyLog = PURPOSES.map((purpose) =>
      keyLogLine(purpose, conv, salts[purpose], this.#keys[purpose]),
    ).join('\n');
  }

  hello(pn: number, ...segments: AnySegment[]): Uint8Array {
    const memory = wireMemory(new Uint8Array(2000));
    const ticket = bytesOf('ticket', 100);
    const random = this.#clientRandom;
    const header = { kind: HandshakeKind.hello, conv: CONV, pn, random, ticket, withBlock: true } as const;
    const bodyAt = writeHelloHeader(memory, 0, header);
    return this.#seal('early', memory.bytes.subarray(0, bodyAt), 30 + ticket.length, pn, segments);
  }

  helloAck(pn: number, ...segments: AnySegment[]): Uint8Array {
    const memory = wireMemory(new Uint8Array(2000));
    const header = { kind: HandshakeKind.helloAck, conv: CONV, pn, random: this.#serverRandom } as const;
    const bodyAt = writeHelloAckHeader(memory, 0, header);
    return this.#seal('server', memory.bytes.subarray(0, bodyAt), bodyAt, pn, segments);
  }

  fromClient(pn: number, fields: SealedFields, ...segments: AnySegment[]): Uint8Array {
    return this.#data('client', pn, fields, segments);
  }

  fromGateway(pn: number, fields: SealedFields, ...segments: AnySegment[]): Uint8Array {
    return this.#data('server', pn, fields, segments);
  }

  #data(purpose: KeyPurpose, pn: number, fields: SealedFields, segments: readonly AnySegment[]): Uint8Array {
    const { view, bytes } = wireMemory(new Uint8Array(100));
    const { pathId = 0, withBlock = false, copy = false } = fields;
    writeSealedHeader(view, 0, CONV, pathId, pn, withBlock, copy);
    if (withBlock) bytes.set([1, 20], 12);
    return this.#seal(purpose, bytes.subarray(0, sealedHeaderBytes(view, 0)), 12, pn, segments);
  }

  #seal(
    purpose: KeyPurpose,
    header: Uint8Array,
    additionalLength: number,
    pn: number,
    segments: readonly AnySegment[],
  ): Uint8Array {
    const derived = this.#keys[purpose];
    const nonce = Buffer.from(derived.subarray(16));
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ pn) >>> 0, 8);
    const cipher = createCipheriv('aes-128-gcm', derived.subarray(0, 16), nonce);
    cipher.setAAD(header.subarray(0, additionalLength));
    const text = Buffer.concat([cipher.update(datagramOf(...segments)), cipher.final()]);
    return Buffer.concat([header, text, cipher.getAuthTag()]);
  }
}

const PURPOSES = ['early', 'client', 'server'] as const;

const bytesOf = (name: string, length: number): Uint8Array =>
  new Uint8Array(createHash('shake128', { outputLength: length }).update(name).digest());
