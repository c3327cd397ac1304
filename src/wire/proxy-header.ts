import type { WireMemory } from './memory.ts';
import type { ProxyHeader, ProxyMode, ProxyParse } from './proxy-result.ts';
import { parseProxyV1 } from './proxy-v1.ts';
import { parseProxyV2 } from './proxy-v2.ts';
import { parseSpp } from './spp.ts';

export {
  PROXY_DESTINATION_AT,
  ProxyHeader,
  type ProxyFault,
  type ProxyMode,
  type ProxyParse,
} from './proxy-result.ts';

/**
 * Looks for a header in front of a datagram, or at the beginning of a stream: PROXY version 1 and 2 in mode `proxy`, SPP in
 * mode `spp`, nothing in mode `off`. Whether the sender may be believed is for the caller to know.
 *
 * A datagram may also be a header and nothing else: then `into.length` is `length`.
 * @param length bytes there are at `at`; nothing beyond is read.
 * @param into overwritten; it has a header only when the result is `ok`.
 */
export function parseProxyHeader(
  memory: WireMemory,
  at: number,
  length: number,
  mode: ProxyMode,
  into: ProxyHeader,
): ProxyParse {
  into.clear();
  if (mode === 'off') return 'none';
  if (length <= 0) return 'incomplete';
  if (mode === 'spp') return parseSpp(memory, at, length, into);
  return memory.bytes[at] === TEXT_BEGIN
    ? parseProxyV1(memory, at, length, into)
    : parseProxyV2(memory, at, length, into);
}

/** The P of `PROXY`. */
const TEXT_BEGIN = 0x50;
