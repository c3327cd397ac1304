import { IP_BYTES } from '../base/address.ts';

/*
 * IP addresses as text in received bytes, without making a string of them: the same forms as parseIp of src/base reads,
 * except for zone ids, which have no meaning on another host.
 */

/**
 * Reads dotted IPv4, `bytes[at, end)`, into {@link IP_BYTES} at `intoAt`, as `::ffff:a.b.c.d`.
 * @returns whether it is one: four decimal parts without leading zeros. Otherwise the target is undefined.
 */
export function readIpv4Text(
  bytes: Uint8Array,
  at: number,
  end: number,
  into: Uint8Array,
  intoAt: number,
): boolean {
  into.fill(0, intoAt, intoAt + MAPPED_PREFIX_BYTES - 2);
  into.fill(0xff, intoAt + MAPPED_PREFIX_BYTES - 2, intoAt + MAPPED_PREFIX_BYTES);
  return readDotted(bytes, at, end, into, intoAt + MAPPED_PREFIX_BYTES);
}

/**
 * Reads any RFC 4291 form of IPv6, `bytes[at, end)`, into {@link IP_BYTES} at `intoAt`, in network order.
 * @returns whether it is one. Otherwise the target is undefined.
 */
export function readIpv6Text(
  bytes: Uint8Array,
  at: number,
  end: number,
  into: Uint8Array,
  intoAt: number,
): boolean {
  /** Bytes written. */
  let done = 0;
  /** Where `::` stands, in bytes written; -1 while there is none. */
  let gap = -1;
  let i = at;
  if (i + 1 < end && bytes[i] === COLON && bytes[i + 1] === COLON) {
    gap = 0;
    i += 2;
  }
  while (i < end) {
    if (done === IP_BYTES) return false;
    const stop = groupEnd(bytes, i, end);
    if (stop === end && hasDot(bytes, i, end)) {
      if (done + 4 > IP_BYTES || !readDotted(bytes, i, end, into, intoAt + done)) return false;
      done += 4;
      break;
    }
    const group = readGroup(bytes, i, stop);
    if (group < 0) return false;
    into[intoAt + done++] = group >>> 8;
    into[intoAt + done++] = group & 0xff;
    if (stop === end) break;
    i = stop + 1;
    if (i === end) return false;
    if (bytes[i] === COLON) {
      if (gap >= 0) return false;
      gap = done;
      i++;
    }
  }
  if (gap < 0) return done === IP_BYTES;
  // A gap stands for one group at least.
  if (done > IP_BYTES - 2) return false;
  into.copyWithin(intoAt + gap + IP_BYTES - done, intoAt + gap, intoAt + done);
  into.fill(0, intoAt + gap, intoAt + gap + IP_BYTES - done);
  return true;
}

/** Reads a decimal port without leading zeros, `bytes[at, end)`. -1 when it is none. */
export function readPortText(bytes: Uint8Array, at: number, end: number): number {
  if (end <= at || end - at > 5 || (bytes[at] === ZERO && end - at > 1)) return -1;
  let port = 0;
  for (let i = at; i < end; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port <= 0xffff ? port : -1;
}

const MAPPED_PREFIX_BYTES = 12;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;

/** Reads `bytes[at, end)` into 4 bytes at `intoAt`. */
function readDotted(bytes: Uint8Array, at: number, end: number, into: Uint8Array, intoAt: number): boolean {
  let parts = 0;
  let digits = 0;
  let value = 0;
  for (let i = at; i <= end; i++) {
    const char = i < end ? bytes[i]! : DOT;
    if (char === DOT) {
      if (digits === 0 || parts === 4) return false;
      into[intoAt + parts++] = value;
      digits = value = 0;
      continue;
    }
    const digit = char - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return false;
    value = value * 10 + digit;
    digits++;
    if (value > 0xff) return false;
  }
  return parts === 4;
}

function groupEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && bytes[i] !== COLON) i++;
  return i;
}

function hasDot(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (bytes[i] === DOT) return true;
  return false;
}

/** The value of 1 to 4 hexadecimal digits; -1 when `bytes[at, end)` is anything else. */
function readGroup(bytes: Uint8Array, at: number, end: number): number {
  if (end <= at || end - at > 4) return -1;
  let value = 0;
  for (let i = at; i < end; i++) {
    const digit = hexDigit(bytes[i]!);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(char: number): number {
  if (char >= ZERO && char <= ZERO + 9) return char - ZERO;
  const small = char | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x57 : -1;
}
