import type { HandshakeCrypto } from '../base/handshake-crypto.ts';
import { CIPHER_TAG_BYTES, type PacketCipher } from '../base/packet-cipher.ts';
import { HandshakeKind, RANDOM_BYTES, readHello, type HandshakeFault } from '../wire/hello.ts';
import type { WireMemory } from '../wire/memory.ts';
import type { TicketBody } from '../wire/ticket.ts';
import { openDatagram } from './open-datagram.ts';
import { addSessionKey } from './session-keys.ts';
import type { TicketFault, TicketOpener } from './ticket-opener.ts';

/** What a gateway's handshakes work with. */
export interface ServerHandshakeTools {
  readonly crypto: HandshakeCrypto;
  readonly cipher: PacketCipher;
  readonly tickets: TicketOpener;
}

/** A HELLO that is what it says it is. The early segments stand where they came, opened; borrowed as the datagram is. */
export interface AuthenticHello {
  readonly conv: number;
  readonly isClear: boolean;
  readonly ticket: TicketBody;
  readonly clientRandom: Uint8Array;
  /** Where the address block stands; -1 without one. */
  readonly blockAt: number;
  readonly earlyAt: number;
  readonly earlyLength: number;
}

/** Why a HELLO was dropped: the names it is counted under. */
export type HelloFault =
  | HandshakeFault
  | TicketFault
  /** The ticket is for another conversation. */
  | 'ticket_other_conv'
  /** The ticket is for a clear session and the HELLO is sealed, or the other way round. */
  | 'ticket_other_seal'
  /** It does not open with the key that follows from its ticket. */
  | 'hello_forged';

/**
 * Reads and checks a HELLO: layout first, then the ticket, then the seal of the HELLO itself, so that each step costs only
 * whoever got past the one before. Whether the ticket has expired is for the caller: that client can be told.
 */
export function openHello(
  tools: ServerHandshakeTools,
  memory: WireMemory,
  at: number,
  length: number,
): AuthenticHello | HelloFault {
  const { bytes, view } = memory;
  const hello = readHello(view, at, length);
  if (typeof hello === 'string') return hello;
  const ticket = tools.tickets.open(bytes, hello.ticketAt, hello.ticketLength);
  if (typeof ticket === 'string') return ticket;
  if (ticket.conv !== hello.conv) return 'ticket_other_conv';
  const isClear = hello.kind === HandshakeKind.helloClear;
  if (isClear !== (ticket.seal === 'clear')) return 'ticket_other_seal';
  const clientRandom = bytes.slice(hello.randomAt, hello.randomAt + RANDOM_BYTES);
  const { conv, blockAt, bodyAt } = hello;
  const found = { conv, isClear, ticket, clientRandom, blockAt, earlyAt: bodyAt };
  if (isClear) return { ...found, earlyLength: hello.bodyLength };
  const { crypto, cipher } = tools;
  const earlyKey = addSessionKey(crypto, cipher, { conv, secret: ticket.secret, clientRandom }, 'early');
  const isAuthentic = openDatagram(
    cipher,
    bytes,
    at,
    hello.additionalLength,
    bodyAt - at,
    length,
    earlyKey,
    hello.pn,
  );
  cipher.removeKey(earlyKey);
  return isAuthentic ? { ...found, earlyLength: hello.bodyLength - CIPHER_TAG_BYTES } : 'hello_forged';
}
