import { readIpv4Text, readIpv6Text, readPortText } from './ip-text.ts';
import type { WireMemory } from './memory.ts';
import { PROXY_DESTINATION_AT, type ProxyHeader, type ProxyParse } from './proxy-result.ts';

/**
 * PROXY protocol version 1, a line of text:
 *
 *     PROXY TCP4|TCP6 <source> <destination> <source port> <destination port> CR LF
 *     PROXY UNKNOWN <anything> CR LF
 *
 * TCP4 and TCP6 are about the source; the destination should be of the same family and need not be.
 */

/** The longest line, with its CR LF. */
export const PROXY_V1_MAX_BYTES = 107;

/** Reads the line at `at`; `into` is clear. `none` when the bytes there do not begin with `PROXY `. */
export function parseProxyV1(memory: WireMemory, at: number, length: number, into: ProxyHeader): ProxyParse {
  const { bytes } = memory;
  const known = Math.min(length, SIGNATURE.length);
  for (let i = 0; i < known; i++) if (bytes[at + i] !== SIGNATURE[i]) return 'none';
  if (known < SIGNATURE.length) return 'incomplete';
  const limit = at + Math.min(length, PROXY_V1_MAX_BYTES);
  const end = lineEnd(bytes, at + SIGNATURE.length, limit);
  // A CR that is the last byte so far may still get its LF.
  if (end < 0 || (end + 1 === limit && bytes[end] === CR)) {
    return length < PROXY_V1_MAX_BYTES ? 'incomplete' : 'proxy_oversize';
  }
  if (bytes[end] !== CR || bytes[end + 1] !== LF) return 'proxy_malformed';
  if (!readLine(bytes, at + SIGNATURE.length, end, into)) return 'proxy_malformed';
  into.length = end + 2 - at;
  return 'ok';
}

const textBytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const SIGNATURE = textBytes('PROXY ');
const TCP4 = textBytes('TCP4 ');
const TCP6 = textBytes('TCP6 ');
const UNKNOWN = textBytes('UNKNOWN');
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;

/** Index of the first CR or LF, or -1. */
function lineEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let i = from; i < end; i++) if (bytes[i] === CR || bytes[i] === LF) return i;
  return -1;
}

/** Reads what stands between `PROXY ` and the CR. */
function readLine(bytes: Uint8Array, at: number, end: number, into: ProxyHeader): boolean {
  const isIpv4 = startsWith(bytes, at, end, TCP4);
  if (!isIpv4 && !startsWith(bytes, at, end, TCP6)) return readUnknown(bytes, at, end, into);
  const sourceAt = at + TCP4.length;
  const sourceEnd = wordEnd(bytes, sourceAt, end);
  const destinationEnd = wordEnd(bytes, sourceEnd + 1, end);
  const sourcePortEnd = wordEnd(bytes, destinationEnd + 1, end);
  const read = isIpv4 ? readIpv4Text : readIpv6Text;
  const readOther = isIpv4 ? readIpv6Text : readIpv4Text;
  const { addresses } = into;
  if (!read(bytes, sourceAt, sourceEnd, addresses, 0)) return false;
  // nginx behind itself (`set_real_ip_from`) tells the first client and its own last address, of whatever family.
  const isOwn = read(bytes, sourceEnd + 1, destinationEnd, addresses, PROXY_DESTINATION_AT);
  if (!isOwn && !readOther(bytes, sourceEnd + 1, destinationEnd, addresses, PROXY_DESTINATION_AT))
    return false;
  const sourcePort = readPortText(bytes, destinationEnd + 1, sourcePortEnd);
  const destinationPort = readPortText(bytes, sourcePortEnd + 1, end);
  if (sourcePort < 0 || destinationPort < 0) return false;
  into.kind = 'proxied';
  into.transport = 'stream';
  into.sourcePort = sourcePort;
  into.destinationPort = destinationPort;
  return true;
}

/** UNKNOWN, alone or with a space and anything behind it. */
function readUnknown(bytes: Uint8Array, at: number, end: number, into: ProxyHeader): boolean {
  if (!startsWith(bytes, at, end, UNKNOWN)) return false;
  const next = at + UNKNOWN.length;
  if (next < end && bytes[next] !== SPACE) return false;
  into.kind = 'unspecified';
  return true;
}

function startsWith(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** Index of the next space, or `end`. */
function wordEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && bytes[i] !== SPACE) i++;
  return i;
}
