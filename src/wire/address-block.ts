import { formatIp, IP_BYTES, parseIp, type SocketAddress } from '../base/address.ts';
import type { WireMemory } from './memory.ts';

/**
 * The address block, where a proxy on the way writes the client's address (network order):
 *
 *     version u8 = 1 | length u8 = 20 | port u16 | IP 16, IPv4 as ::ffff:a.b.c.d
 *
 * Port and IP all zero mean "not filled", which is how a client sends it.
 */
export const ADDRESS_BLOCK_BYTES = 20;

const VERSION = 1;
const PORT_AT = 2;
const IP_AT = 4;

/**
 * What stands where an address block should be. Only `filled` has an address; `truncated`, `bad_version` and
 * `bad_length` are no block at all.
 */
export type AddressBlockState = 'filled' | 'not_filled' | 'truncated' | 'bad_version' | 'bad_length';

/** Looks at the block at `at`, which must end by `end`. */
export function checkAddressBlock(view: DataView, at: number, end: number): AddressBlockState {
  if (end - at < ADDRESS_BLOCK_BYTES) return 'truncated';
  if (view.getUint8(at) !== VERSION) return 'bad_version';
  if (view.getUint8(at + 1) !== ADDRESS_BLOCK_BYTES) return 'bad_length';
  return isZero(view, at) ? 'not_filled' : 'filled';
}

/** Port in a block, 0 to 65535. */
export const addressBlockPort = (view: DataView, at: number): number => view.getUint16(at + PORT_AT, false);

/** The address in a block whose state is `filled`; an IPv4-mapped one becomes IPv4. */
export function readAddressBlock(memory: WireMemory, at: number): SocketAddress {
  const address = formatIp(memory.bytes, at + IP_AT);
  return { address, family: address.includes(':') ? 6 : 4, port: addressBlockPort(memory.view, at) };
}

/**
 * Writes a block with this address, or one that is not filled for null and for text that is no IP address. A zone id is
 * left out. Returns {@link ADDRESS_BLOCK_BYTES}.
 */
export function writeAddressBlock(memory: WireMemory, at: number, address: SocketAddress | null): number {
  const ip = address === null ? undefined : parseIp(address.address);
  memory.bytes[at] = VERSION;
  memory.bytes[at + 1] = ADDRESS_BLOCK_BYTES;
  if (address === null || ip === undefined) {
    memory.bytes.fill(0, at + PORT_AT, at + ADDRESS_BLOCK_BYTES);
  } else {
    memory.view.setUint16(at + PORT_AT, address.port, false);
    memory.bytes.set(ip, at + IP_AT);
  }
  return ADDRESS_BLOCK_BYTES;
}

function isZero(view: DataView, at: number): boolean {
  let seen = addressBlockPort(view, at);
  for (let i = 0; i < IP_BYTES; i += 4) seen |= view.getUint32(at + IP_AT + i);
  return seen === 0;
}
