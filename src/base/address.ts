/** An IP address and port. */
export interface SocketAddress {
  /** Textual IP address: dotted IPv4 or compressed IPv6, never with brackets; a zone id (`%eth0`) is kept. */
  readonly address: string;
  readonly family: 4 | 6;
  /** 0 to 65535. */
  readonly port: number;
}

/** An address, or one sentence about what is wrong with the text. */
export type ParsedSocketAddress =
  { readonly ok: true; readonly address: SocketAddress } | { readonly ok: false; readonly error: string };

/**
 * Reads `1.2.3.4:80` or `[2001:db8::1]:80`. Host names are refused, as is an IPv6 address without brackets.
 * An IPv4-mapped address (`[::ffff:1.2.3.4]:80`) stays one: on a dual-stack socket it is not the same as `1.2.3.4`.
 */
export function parseSocketAddress(text: string): ParsedSocketAddress {
  const shown = JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
  const colon = text.lastIndexOf(':');
  if (colon < 0) return refuse(`${shown} has no port; write address:port.`);
  const host = text.slice(0, colon);
  if (host.startsWith('[') !== host.endsWith(']')) {
    return refuse(`${shown} is not an address and a port; an IPv6 address is written [address]:port.`);
  }
  const port = parsePort(text.slice(colon + 1));
  if (port < 0) return refuse(`${shown} does not end in a port from 0 to 65535.`);
  const bracketed = host.startsWith('[');
  const bare = bracketed ? host.slice(1, -1) : host;
  const bytes = parseIp(bare);
  if (bytes === undefined) {
    return refuse(`${shown} does not begin with an IP address; host names are not accepted here.`);
  }
  const written = bare.includes(':') ? 6 : 4;
  if (written === 6 && !bracketed) return refuse(`${shown} needs brackets around the IPv6 address.`);
  if (written === 4 && bracketed) return refuse(`${shown} has brackets around an IPv4 address.`);
  return { ok: true, address: { address: canonical(bare, bytes, written), family: written, port } };
}

/** `1.2.3.4:80` or `[2001:db8::1]:80`; what {@link parseSocketAddress} reads. */
export function formatSocketAddress(address: SocketAddress): string {
  const host = address.family === 6 ? `[${address.address}]` : address.address;
  return `${host}:${String(address.port)}`;
}

/** Bytes of an address as {@link parseIp} gives it. */
export const IP_BYTES = 16;

/**
 * Reads a textual IP address: four decimal parts without leading zeros, or any RFC 4291 form of IPv6. A zone id is
 * checked and left out.
 * @returns 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`; undefined when the text is no IP address.
 */
export function parseIp(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(IP_BYTES);
  if (text.includes(':')) return writeIpv6(text, bytes) ? bytes : undefined;
  if (!writeIpv4(text, 0, text.length, bytes, MAPPED_PREFIX_BYTES)) return undefined;
  bytes.fill(0xff, MAPPED_PREFIX_BYTES - 2, MAPPED_PREFIX_BYTES);
  return bytes;
}

/**
 * Writes 16 bytes in network order, from `at` on, as text: the compressed form of RFC 5952, or dotted IPv4 for an
 * IPv4-mapped address. Bytes beyond the array count as 0.
 */
export function formatIp(bytes: Uint8Array, at = 0): string {
  if (isMapped(bytes, at)) {
    const part = (index: number): string => String(bytes[at + MAPPED_PREFIX_BYTES + index] ?? 0);
    return `${part(0)}.${part(1)}.${part(2)}.${part(3)}`;
  }
  const groups: number[] = [];
  for (let i = at; i < at + IP_BYTES; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const zeros = longestZeroRun(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (zeros.length < 2) return hex(0, GROUP_COUNT);
  return `${hex(0, zeros.start)}::${hex(zeros.start + zeros.length, GROUP_COUNT)}`;
}

/** Whether a textual IP address is of this host only: 127.0.0.0/8, also IPv4-mapped, or ::1. False for other text. */
export function isLoopback(address: string): boolean {
  const bytes = parseIp(address);
  if (bytes === undefined) return false;
  if (isMapped(bytes, 0)) return bytes[MAPPED_PREFIX_BYTES] === 127;
  return bytes.every((byte, index) => byte === (index === IP_BYTES - 1 ? 1 : 0));
}

/**
 * The source an address counts for in limits: the IPv4 address itself, also for an IPv4-mapped one, or the /64 of an IPv6
 * address (`2001:db8:1:2::/64`), because one host can have all of it. Text that is no IP address counts for itself.
 */
export function sourceKey(address: SocketAddress): string {
  if (!address.address.includes(':')) return address.address;
  const bytes = parseIp(address.address);
  if (bytes === undefined) return address.address;
  if (isMapped(bytes, 0)) return formatIp(bytes);
  bytes.fill(0, IP_BYTES / 2);
  return `${formatIp(bytes)}/64`;
}

/**
 * The network a source counts for where a whole network shares a limit: the /24 of an IPv4 address (`192.0.2.0/24`), the /64
 * of an IPv6 one.
 * @param key as {@link sourceKey} gives it.
 */
export function networkOfSource(key: string): string {
  if (key.includes(':')) return key;
  return `${key.slice(0, key.lastIndexOf('.'))}.0/24`;
}

const refuse = (error: string): ParsedSocketAddress => ({ ok: false, error });

/** -1 when it is not a port. */
function parsePort(text: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port <= 0xffff ? port : -1;
}

function canonical(text: string, bytes: Uint8Array, written: 4 | 6): string {
  const prefix = written === 6 && isMapped(bytes, 0) ? '::ffff:' : '';
  const zone = text.indexOf('%');
  return prefix + formatIp(bytes) + (zone < 0 ? '' : text.slice(zone));
}

const GROUP_COUNT = 8;
const MAPPED_PREFIX_BYTES = 12;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;

function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAPPED_PREFIX_BYTES; i++) {
    if (bytes[at + i] !== (i < MAPPED_PREFIX_BYTES - 2 ? 0 : 0xff)) return false;
  }
  return true;
}

/** The first of the longest runs of zero groups. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}

/** Reads `text[start, end)` into 4 bytes at `at`. */
function writeIpv4(text: string, start: number, end: number, bytes: Uint8Array, at: number): boolean {
  let parts = 0;
  let digits = 0;
  let value = 0;
  for (let i = start; i <= end; i++) {
    const char = i < end ? text.charCodeAt(i) : DOT;
    if (char === DOT) {
      if (digits === 0 || parts === 4) return false;
      bytes[at + parts++] = value;
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

/** Reads an IPv6 address, with or without zone id, into 16 bytes at 0. On failure the bytes are of no meaning. */
function writeIpv6(text: string, bytes: Uint8Array): boolean {
  const zone = text.indexOf('%');
  if (zone >= 0 && !/^[\dA-Za-z.:-]+$/.test(text.slice(zone + 1))) return false;
  const end = zone < 0 ? text.length : zone;
  let at = 0;
  let i = 0;
  /** Where `::` stands, in bytes; -1 while there is none. */
  let gap = -1;
  if (text.startsWith('::')) {
    gap = 0;
    i = 2;
  }
  while (i < end) {
    if (at === IP_BYTES) return false;
    const stop = groupEnd(text, i, end);
    if (stop === end && text.slice(i, end).includes('.')) {
      if (at + 4 > IP_BYTES || !writeIpv4(text, i, end, bytes, at)) return false;
      at += 4;
      break;
    }
    const group = parseGroup(text, i, stop);
    if (group < 0) return false;
    bytes[at++] = group >>> 8;
    bytes[at++] = group & 0xff;
    if (stop === end) break;
    i = stop + 1;
    if (i === end) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = at;
      i++;
    }
  }
  if (gap < 0) return at === IP_BYTES;
  // A gap stands for one group at least.
  if (at > IP_BYTES - 2) return false;
  bytes.copyWithin(gap + IP_BYTES - at, gap, at);
  bytes.fill(0, gap, gap + IP_BYTES - at);
  return true;
}

function groupEnd(text: string, start: number, end: number): number {
  const colon = text.indexOf(':', start);
  return colon < 0 || colon > end ? end : colon;
}

/** The value of 1 to 4 hex digits; -1 when `text[start, end)` is anything else. */
function parseGroup(text: string, start: number, end: number): number {
  if (end <= start || end - start > 4) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i) | 0x20;
    // Setting bit 5 makes letters small and leaves digits; it would also turn control characters into digits.
    if (char >= 0x61 && char <= 0x66) value = value * 16 + char - 0x57;
    else if (text.charCodeAt(i) === char && char >= ZERO && char <= ZERO + 9)
      value = value * 16 + char - ZERO;
    else return -1;
  }
  return value;
}
