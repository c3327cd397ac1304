/**
 * What a conversation id tells, and which ids may be given out.
 *
 * The top byte of an allocated conv is the id of its owner, the gateway that holds the session; the other 24 bits are
 * random. A conv of 0 is no session.
 */

/** Id of the gateway that holds a session: 1 to 255, or 0 for a gateway that stands alone. */
export const ownerOf = (conv: number): number => conv >>> 24;

/**
 * Whether a conv may be given to a session. Not 0, and not one whose four little-endian bytes something in front could
 * take for the beginning of a PROXY v1 header (`PROX`), a PROXY v2 header (0D 0A 0D 0A) or an SPP header (56 EC).
 */
export const isAllocatableConv = (conv: number): boolean =>
  conv !== 0 && conv !== PROXY_V1 && conv !== PROXY_V2 && (conv & 0xffff) !== SPP;

const PROXY_V1 = 0x584f5250;
const PROXY_V2 = 0x0a0d0a0d;
const SPP = 0xec56;
