import { IP_BYTES, formatIp, parseIp } from './address.ts';

/** A block of IP addresses: those that begin with the same bits. */
export interface Cidr {
  /** An IPv4 block holds IPv4-mapped addresses too; `::/0` holds no IPv4. */
  readonly family: 4 | 6;
  /** The first address: 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`. */
  readonly bytes: Uint8Array;
  /** How many leading bits of `bytes` count: 0 to 128, for IPv4 96 to 128. */
  readonly prefixBits: number;
}

/** A block, or one sentence about what is wrong with the text. */
export type ParsedCidr =
  { readonly ok: true; readonly cidr: Cidr } | { readonly ok: false; readonly error: string };

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32`, or one address without a length. A block of IPv4-mapped addresses
 * (`::ffff:10.0.0.0/104`) is the IPv4 block. Bits set beyond the length are an error: they show that the writer meant
 * something else.
 */
export function parseCidr(text: string): ParsedCidr {
  const shown = JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const bytes = host.includes('%') ? undefined : parseIp(host);
  if (bytes === undefined) {
    return refuse(`${shown} is not an IP address or a block of them, such as 10.0.0.0/8.`);
  }
  const writtenBits = host.includes(':') ? IP_BITS : IPV4_BITS;
  const bits = slash < 0 ? writtenBits : parseBits(text.slice(slash + 1), writtenBits);
  if (bits < 0) return refuse(`${shown} does not end in a prefix length from 0 to ${String(writtenBits)}.`);
  const prefixBits = bits + IP_BITS - writtenBits;
  const first = bytes.slice();
  clearFrom(first, prefixBits);
  const family = prefixBits >= MAPPED_BITS && isMapped(bytes) ? 4 : 6;
  if (!startsAlike(first, bytes, IP_BITS)) {
    const meant = `${formatIp(first)}/${String(family === 4 ? prefixBits - MAPPED_BITS : prefixBits)}`;
    return refuse(`${shown} has bits set beyond its prefix length; write ${meant} or another length.`);
  }
  return { ok: true, cidr: { family, bytes, prefixBits } };
}

/** A set of blocks that addresses are looked up in, such as the trusted proxies of a listener. */
export class CidrSet {
  readonly #cidrs: readonly Cidr[];
  /** Addresses come in runs, from few proxies: the last answer is kept. */
  #lastAddress = '';
  #lastAnswer = false;

  constructor(cidrs: Iterable<Cidr>) {
    this.#cidrs = [...cidrs];
  }

  /** Whether a textual IP address is in one of the blocks; a zone id is left out. False for any other text. */
  has(address: string): boolean {
    if (address === this.#lastAddress) return this.#lastAnswer;
    this.#lastAnswer = this.#find(address);
    this.#lastAddress = address;
    return this.#lastAnswer;
  }

  #find(address: string): boolean {
    if (this.#cidrs.length === 0) return false;
    const bytes = parseIp(address);
    if (bytes === undefined) return false;
    const family = isMapped(bytes) ? 4 : 6;
    return this.#cidrs.some(
      (cidr) => cidr.family === family && startsAlike(cidr.bytes, bytes, cidr.prefixBits),
    );
  }
}

const IP_BITS = 128;
const IPV4_BITS = 32;
const MAPPED_BITS = 96;
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

const refuse = (error: string): ParsedCidr => ({ ok: false, error });

const isMapped = (bytes: Uint8Array): boolean => startsAlike(bytes, MAPPED_PREFIX, MAPPED_BITS);

/** -1 when it is not a number from 0 to `most`. */
function parseBits(text: string, most: number): number {
  if (!/^(0|[1-9]\d{0,2})$/.test(text)) return -1;
  const bits = Number(text);
  return bits <= most ? bits : -1;
}

/** Zeroes every bit from `bits` on. */
function clearFrom(bytes: Uint8Array, bits: number): void {
  const whole = bits >>> 3;
  if (whole === IP_BYTES) return;
  bytes[whole] = bytes[whole]! & maskOf(bits & 7);
  bytes.fill(0, whole + 1);
}

/** Whether the first `bits` bits are equal. */
function startsAlike(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const mask = maskOf(bits & 7);
  return mask === 0 || ((a[whole]! ^ b[whole]!) & mask) === 0;
}

/** A byte whose first `bits` bits are set. */
const maskOf = (bits: number): number => (0xff00 >> bits) & 0xff;
