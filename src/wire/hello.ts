import { ADDRESS_BLOCK_BYTES, writeAddressBlock } from './address-block.ts';
import { ADDRESS_BLOCK_BIT } from './datagram-kind.ts';
import type { WireMemory } from './memory.ts';
import { readPacketNumber, writePacketNumber } from './packet-number.ts';
import { SEAL_TAG_BYTES } from './sealed-header.ts';
import { MAX_TICKET_BYTES, MIN_TICKET_BYTES } from './ticket.ts';

/**
 * The four handshake datagrams. `0x04?`: that bit says that an address block is present.
 *
 *     HELLO            conv u32 | 0xB0|0x04? | version u8 = 1 | pn u48 | client random 16 | ticket length u16 | ticket
 *                      | [address block 20] | sealed segments | tag 16
 *     HELLO_ACK        conv u32 | 0xB1       | version u8 = 1 | pn u48 | server random 16 | sealed segments | tag 16
 *     HELLO_CLEAR      as HELLO with 0xB2, six zero bytes for pn, and clear segments without tag
 *     HELLO_CLEAR_ACK  as HELLO_ACK with 0xB3, six zero bytes for pn, and clear segments without tag
 *
 * Additional data of the AEAD is everything before the ciphertext except the address block, which a proxy may fill.
 */

/** Byte 4 of each, without {@link ADDRESS_BLOCK_BIT}. */
export const HandshakeKind = {
  hello: 0xb0,
  helloAck: 0xb1,
  helloClear: 0xb2,
  helloClearAck: 0xb3,
} as const;

export type HandshakeKind = (typeof HandshakeKind)[keyof typeof HandshakeKind];

export const HANDSHAKE_VERSION = 1;

/** Bytes of the client and the server random. */
export const RANDOM_BYTES = 16;

/** A HELLO on UDP is padded to at least so many bytes: what answers it is shorter, and the path carries that much. */
export const MIN_UDP_HELLO_BYTES = 1200;

/** Bytes of a HELLO or HELLO_CLEAR in front of its ticket. */
export const HELLO_HEADER_BYTES = 30;

/** Bytes of a HELLO_ACK or HELLO_CLEAR_ACK in front of its segments, all of them additional data. */
export const HELLO_ACK_HEADER_BYTES = 28;

/** Where each field stands; `ticketLength` and `ticket` in HELLO and HELLO_CLEAR only. */
export const HELLO_FIELD = {
  conv: 0,
  kind: 4,
  version: 5,
  pn: 6,
  random: 12,
  ticketLength: 28,
  ticket: 30,
} as const;

/**
 * Why a datagram is not the handshake datagram it should be; it is dropped and counted under that name.
 *
 * - `hello_truncated`: it ends inside the header, the ticket, the address block or the tag
 * - `hello_kind`: byte 4 is another message's, or says that an answer has an address block
 * - `hello_version`: a version this end does not speak
 * - `hello_reserved`: the six bytes that are zero in the clear variants are not
 * - `hello_ticket_length`: no ticket is so short or so long
 */
export type HandshakeFault =
  'hello_truncated' | 'hello_kind' | 'hello_version' | 'hello_reserved' | 'hello_ticket_length';

/** A HELLO or HELLO_CLEAR. Places count from the beginning of the memory, lengths are in bytes. */
export interface HelloView {
  readonly kind: typeof HandshakeKind.hello | typeof HandshakeKind.helloClear;
  readonly conv: number;
  readonly withBlock: boolean;
  /** Number of the packet; 0 in HELLO_CLEAR. */
  readonly pn: number;
  readonly randomAt: number;
  readonly ticketAt: number;
  readonly ticketLength: number;
  /** -1 when there is none. What stands there may be no valid block: `checkAddressBlock` tells. */
  readonly blockAt: number;
  /** Bytes of additional data: from the first byte of the datagram to the end of the ticket. */
  readonly additionalLength: number;
  readonly bodyAt: number;
  /** Ciphertext with its tag, or clear segments. */
  readonly bodyLength: number;
}

/** A HELLO_ACK or HELLO_CLEAR_ACK. Places count from the beginning of the memory, lengths are in bytes. */
export interface HelloAckView {
  readonly kind: typeof HandshakeKind.helloAck | typeof HandshakeKind.helloClearAck;
  readonly conv: number;
  /** Number of the packet; 0 in HELLO_CLEAR_ACK. */
  readonly pn: number;
  readonly randomAt: number;
  /** Bytes of additional data: all of the header. */
  readonly additionalLength: number;
  readonly bodyAt: number;
  /** Ciphertext with its tag, or clear segments. */
  readonly bodyLength: number;
}

/** What stands in front of the body of a HELLO or HELLO_CLEAR. */
export interface HelloHeader {
  readonly kind: typeof HandshakeKind.hello | typeof HandshakeKind.helloClear;
  readonly conv: number;
  /** 0 to `MAX_PACKET_NUMBER`; not written in HELLO_CLEAR. */
  readonly pn: number;
  /** {@link RANDOM_BYTES} bytes. */
  readonly random: Uint8Array;
  /** At most {@link MAX_TICKET_BYTES}. */
  readonly ticket: Uint8Array;
  readonly withBlock: boolean;
}

/** What stands in front of the body of a HELLO_ACK or HELLO_CLEAR_ACK. */
export interface HelloAckHeader {
  readonly kind: typeof HandshakeKind.helloAck | typeof HandshakeKind.helloClearAck;
  readonly conv: number;
  /** 0 to `MAX_PACKET_NUMBER`; not written in HELLO_CLEAR_ACK. */
  readonly pn: number;
  /** {@link RANDOM_BYTES} bytes. */
  readonly random: Uint8Array;
}

/** Byte 4 without the address block bit: a {@link HandshakeKind}, or another number. */
export const handshakeKindOf = (view: DataView, at: number): number =>
  view.getUint8(at + HELLO_FIELD.kind) & ~ADDRESS_BLOCK_BIT;

/** Reads the HELLO or HELLO_CLEAR that the `length` bytes at `at` should be. Only its layout is checked. */
export function readHello(view: DataView, at: number, length: number): HelloView | HandshakeFault {
  if (length < HELLO_HEADER_BYTES) return 'hello_truncated';
  const kind = handshakeKindOf(view, at);
  if (kind !== HandshakeKind.hello && kind !== HandshakeKind.helloClear) return 'hello_kind';
  if (view.getUint8(at + HELLO_FIELD.version) !== HANDSHAKE_VERSION) return 'hello_version';
  const pn = readPacketNumber(view, at + HELLO_FIELD.pn);
  if (pn !== 0 && kind === HandshakeKind.helloClear) return 'hello_reserved';
  const ticketLength = view.getUint16(at + HELLO_FIELD.ticketLength, true);
  if (ticketLength < MIN_TICKET_BYTES || ticketLength > MAX_TICKET_BYTES) return 'hello_ticket_length';
  const withBlock = (view.getUint8(at + HELLO_FIELD.kind) & ADDRESS_BLOCK_BIT) !== 0;
  const additionalLength = HELLO_HEADER_BYTES + ticketLength;
  const headerLength = additionalLength + (withBlock ? ADDRESS_BLOCK_BYTES : 0);
  if (length < headerLength + (kind === HandshakeKind.hello ? SEAL_TAG_BYTES : 0)) return 'hello_truncated';
  return {
    kind,
    conv: view.getUint32(at, true),
    withBlock,
    pn,
    randomAt: at + HELLO_FIELD.random,
    ticketAt: at + HELLO_FIELD.ticket,
    ticketLength,
    blockAt: withBlock ? at + additionalLength : -1,
    additionalLength,
    bodyAt: at + headerLength,
    bodyLength: length - headerLength,
  };
}

/** Reads the HELLO_ACK or HELLO_CLEAR_ACK that the `length` bytes at `at` should be. Only its layout is checked. */
export function readHelloAck(view: DataView, at: number, length: number): HelloAckView | HandshakeFault {
  if (length < HELLO_ACK_HEADER_BYTES) return 'hello_truncated';
  const kind = view.getUint8(at + HELLO_FIELD.kind);
  if (kind !== HandshakeKind.helloAck && kind !== HandshakeKind.helloClearAck) return 'hello_kind';
  if (view.getUint8(at + HELLO_FIELD.version) !== HANDSHAKE_VERSION) return 'hello_version';
  const pn = readPacketNumber(view, at + HELLO_FIELD.pn);
  if (pn !== 0 && kind === HandshakeKind.helloClearAck) return 'hello_reserved';
  const bodyLength = length - HELLO_ACK_HEADER_BYTES;
  if (kind === HandshakeKind.helloAck && bodyLength < SEAL_TAG_BYTES) return 'hello_truncated';
  return {
    kind,
    conv: view.getUint32(at, true),
    pn,
    randomAt: at + HELLO_FIELD.random,
    additionalLength: HELLO_ACK_HEADER_BYTES,
    bodyAt: at + HELLO_ACK_HEADER_BYTES,
    bodyLength,
  };
}

/**
 * Writes everything in front of the body, with an address block that is not filled when there is to be one.
 * @returns where the body begins, counted from `at`.
 * @throws RangeError when the ticket is longer than {@link MAX_TICKET_BYTES}, or the memory too short.
 */
export function writeHelloHeader(memory: WireMemory, at: number, header: HelloHeader): number {
  const { kind, conv, pn, random, ticket, withBlock } = header;
  if (ticket.length > MAX_TICKET_BYTES)
    throw new RangeError(`a ticket of ${ticket.length} bytes is too long`);
  writeCommon(memory, at, withBlock ? kind | ADDRESS_BLOCK_BIT : kind, conv, random);
  writePacketNumber(memory.view, at + HELLO_FIELD.pn, kind === HandshakeKind.hello ? pn : 0);
  memory.view.setUint16(at + HELLO_FIELD.ticketLength, ticket.length, true);
  memory.bytes.set(ticket, at + HELLO_FIELD.ticket);
  const blockAt = HELLO_FIELD.ticket + ticket.length;
  return withBlock ? blockAt + writeAddressBlock(memory, at + blockAt, null) : blockAt;
}

/** Writes everything in front of the body. Returns {@link HELLO_ACK_HEADER_BYTES}. */
export function writeHelloAckHeader(memory: WireMemory, at: number, header: HelloAckHeader): number {
  const { kind, conv, pn, random } = header;
  writeCommon(memory, at, kind, conv, random);
  writePacketNumber(memory.view, at + HELLO_FIELD.pn, kind === HandshakeKind.helloAck ? pn : 0);
  return HELLO_ACK_HEADER_BYTES;
}

function writeCommon(memory: WireMemory, at: number, byte: number, conv: number, random: Uint8Array): void {
  const { view, bytes } = memory;
  view.setUint32(at, conv, true);
  view.setUint8(at + HELLO_FIELD.kind, byte);
  view.setUint8(at + HELLO_FIELD.version, HANDSHAKE_VERSION);
  bytes.set(random.subarray(0, RANDOM_BYTES), at + HELLO_FIELD.random);
}
