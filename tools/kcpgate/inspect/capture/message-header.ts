/** The header of a WebSocket frame (RFC 6455). The object is reused. */
export interface MessageHeader {
  opcode: number;
  /** Whether the message ends with this frame. */
  isLast: boolean;
  /** Where the four bytes of the mask stand; -1 without. */
  maskAt: number;
  payloadAt: number;
  /** Bytes of payload. */
  length: number;
}

/** Frames of messages, and those between them. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/**
 * Reads the header at `at`.
 * @returns `more` when it is cut off by `end`, `damaged` when it cannot be; then `into` is undefined.
 */
export function readMessageHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
  into: MessageHeader,
): 'ok' | 'more' | 'damaged' {
  if (end - at < 2) return 'more';
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  into.opcode = first & 0x0f;
  into.isLast = (first & 0x80) !== 0;
  const isControl = into.opcode >= OPCODE.close;
  if ((first & RESERVED_BITS) !== 0 || !KNOWN_OPCODES.has(into.opcode)) return 'damaged';
  let length = second & 0x7f;
  if (isControl && (length > MAX_CONTROL_BYTES || !into.isLast)) return 'damaged';
  let payloadAt = at + 2;
  if (length > MAX_CONTROL_BYTES) {
    const lengthBytes = length === 126 ? 2 : 8;
    if (end - payloadAt < lengthBytes) return 'more';
    length = 0;
    for (let i = 0; i < lengthBytes; i++) length = length * 256 + bytes[payloadAt + i]!;
    if (length > MAX_LENGTH) return 'damaged';
    payloadAt += lengthBytes;
  }
  into.maskAt = -1;
  if ((second & 0x80) !== 0) {
    if (end - payloadAt < MASK_BYTES) return 'more';
    into.maskAt = payloadAt;
    payloadAt += MASK_BYTES;
  }
  into.payloadAt = payloadAt;
  into.length = length;
  return 'ok';
}

/** Copies `length` bytes of payload in clear. @param maskAt where the mask stands in `bytes`, -1 without. */
export function unmask(
  bytes: Uint8Array,
  at: number,
  length: number,
  maskAt: number,
  into: Uint8Array,
  intoAt: number,
): void {
  if (maskAt < 0) {
    into.set(bytes.subarray(at, at + length), intoAt);
    return;
  }
  for (let i = 0; i < length; i++) into[intoAt + i] = bytes[at + i]! ^ bytes[maskAt + (i & 3)]!;
}

const RESERVED_BITS = 0x70;
const KNOWN_OPCODES: ReadonlySet<number> = new Set(Object.values(OPCODE));
const MAX_CONTROL_BYTES = 125;
const MASK_BYTES = 4;
/** A longer frame is none that anybody sends. */
const MAX_LENGTH = 0xffff_ffff;
