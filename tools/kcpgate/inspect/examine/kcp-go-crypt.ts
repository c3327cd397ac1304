import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { FecType } from '../../../../src/wire/fec-header.ts';
import type { KcpGoCryptName, KcpGoKey } from './kcp-go-key.ts';
import { Salsa20 } from './salsa20.ts';
import { Tea } from './tea.ts';

/** What stood under encryption. The object and its bytes are valid until the next call. */
export interface OpenedPacket {
  readonly crypt: KcpGoCryptName;
  bytes: Uint8Array;
  at: number;
  length: number;
  /** Bytes in front of it in the datagram. */
  readonly headerBytes: number;
}

/**
 * Opens packets that kcp-go encrypted:
 *
 *     nonce 16 | CRC-32 of what follows, u32 little-endian | packet
 *
 * all of it in full-block CFB with an iv that is always the same. `salsa20` leaves its own nonce, the first 8 bytes, clear;
 * `none` leaves all clear; `aes-128-gcm` is `nonce 12 | packet | tag 16`.
 */
export class KcpGoCrypt {
  readonly #crypt: KcpGoCryptName;
  readonly #decrypt: Decrypt | null;
  readonly #key: Uint8Array;
  readonly #opened: OpenedPacket;

  /** @throws RangeError when the key is too short. */
  constructor({ crypt, key }: KcpGoKey) {
    const bytes = KEY_BYTES[crypt];
    if (key.length < bytes) throw new RangeError(`a key for ${crypt} has ${bytes} bytes`);
    this.#crypt = crypt;
    this.#key = crypt === 'xor' ? key : key.subarray(0, bytes);
    this.#decrypt = decryptorOf(crypt, this.#key);
    const headerBytes = crypt === 'aes-128-gcm' ? GCM_NONCE_BYTES : HEADER_BYTES;
    this.#opened = { crypt, bytes: this.#key, at: 0, length: 0, headerBytes };
  }

  /** @returns what stood in the datagram; null when it is not authentic under this key. */
  open(bytes: Uint8Array, offset: number, length: number): OpenedPacket | null {
    if (this.#crypt === 'aes-128-gcm') return this.#openGcm(bytes, offset, length);
    if (length < HEADER_BYTES + MIN_PACKET_BYTES) return null;
    if (this.#decrypt === null && !mayBePacket(bytes, offset + HEADER_BYTES)) return null;
    const clear =
      this.#decrypt === null
        ? bytes.subarray(offset, offset + length)
        : this.#decrypt(bytes.subarray(offset, offset + length));
    if (crc32(clear.subarray(HEADER_BYTES)) !== readCrc(clear)) return null;
    const opened = this.#opened;
    opened.bytes = this.#decrypt === null ? bytes : clear;
    opened.at = (this.#decrypt === null ? offset : 0) + HEADER_BYTES;
    opened.length = length - HEADER_BYTES;
    return opened;
  }

  #openGcm(bytes: Uint8Array, offset: number, length: number): OpenedPacket | null {
    const end = offset + length;
    if (length < GCM_NONCE_BYTES + MIN_PACKET_BYTES + GCM_TAG_BYTES) return null;
    const textAt = offset + GCM_NONCE_BYTES;
    const decipher = createDecipheriv('aes-128-gcm', this.#key, bytes.subarray(offset, textAt));
    decipher.setAuthTag(bytes.subarray(end - GCM_TAG_BYTES, end));
    const clear = decipher.update(bytes.subarray(textAt, end - GCM_TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return null;
    }
    const opened = this.#opened;
    opened.bytes = clear;
    opened.at = 0;
    opened.length = clear.length;
    return opened;
  }
}

type Decrypt = (packet: Uint8Array) => Uint8Array;

function decryptorOf(crypt: KcpGoCryptName, key: Uint8Array): Decrypt | null {
  switch (crypt) {
    case 'none':
    case 'aes-128-gcm':
      return null;
    case 'xor':
      return xorWith(pbkdf2Sync(key, 'sH3CIVoF#rWLtJo6', 32, XOR_PAD_BYTES, 'sha1'));
    case 'salsa20': {
      const salsa = new Salsa20(key);
      return (packet) => salsa.decrypt(packet);
    }
    case 'tea':
    case 'xtea': {
      const tea = new Tea(crypt, key);
      return (packet) => tea.decryptCfb(packet, INITIALISATION.subarray(0, 8));
    }
    case 'aes':
      return cfb('aes-256-cfb', key, 16);
    case 'aes-128':
      return cfb('aes-128-cfb', key, 16);
    case 'aes-192':
      return cfb('aes-192-cfb', key, 16);
    case 'sm4':
      return cfb('sm4-cfb', key, 16);
    case '3des':
      return cfb('des-ede3-cfb', key, 8);
  }
}

const cfb =
  (algorithm: string, key: Uint8Array, ivBytes: number): Decrypt =>
  (packet) =>
    createDecipheriv(algorithm, key, INITIALISATION.subarray(0, ivBytes)).update(packet);

function xorWith(pad: Uint8Array): Decrypt {
  return (packet) => {
    const clear = new Uint8Array(packet);
    for (let i = 0; i < clear.length; i++) clear[i] = (clear[i] ?? 0) ^ (pad[i] ?? 0);
    return clear;
  };
}

/** Without encryption a look at what would be the command saves most checksums. */
function mayBePacket(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at + 4] ?? 0;
  if (byte >= 80 && byte <= 95) return true;
  return byte >= FecType.data && byte <= FecType.outOfBand && bytes[at + 5] === 0;
}

const readCrc = (clear: Uint8Array): number =>
  new DataView(clear.buffer, clear.byteOffset, clear.byteLength).getUint32(NONCE_BYTES, true);

const NONCE_BYTES = 16;
const HEADER_BYTES = 20;
const MIN_PACKET_BYTES = 12;
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const XOR_PAD_BYTES = 1500;
const INITIALISATION = Uint8Array.of(
  167,
  115,
  79,
  156,
  18,
  172,
  27,
  1,
  164,
  21,
  242,
  193,
  252,
  120,
  230,
  107,
);
const KEY_BYTES: Readonly<Record<KcpGoCryptName, number>> = {
  none: 0,
  xor: 1,
  aes: 32,
  'aes-128': 16,
  'aes-192': 24,
  'aes-128-gcm': 16,
  sm4: 16,
  '3des': 24,
  salsa20: 32,
  tea: 16,
  xtea: 16,
};
