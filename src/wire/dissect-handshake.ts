import { dissectSegments } from './dissect-segment.ts';
import { addAddressBlock } from './dissect-payload.ts';
import { addRest, bytesField, type Draft, field } from './dissection-draft.ts';
import type { Field } from './dissection.ts';
import {
  HandshakeKind,
  type HandshakeFault,
  handshakeKindOf,
  HELLO_FIELD,
  RANDOM_BYTES,
  readHello,
  readHelloAck,
} from './hello.ts';
import { hex32 } from './printable.ts';
import { readPacketNumber } from './packet-number.ts';
import { SEAL_TAG_BYTES } from './sealed-header.ts';
import { conversationOf } from './segment.ts';
import {
  TICKET_ADDITIONAL_BYTES,
  TICKET_HEADER_BYTES,
  TICKET_NONCE_BYTES,
  TICKET_TAG_BYTES,
  ticketKeyIdOf,
  ticketVersionOf,
} from './ticket.ts';

/** Takes a handshake datagram apart: its header, its ticket as far as it is clear, and the segments of a clear one. */
export function dissectHandshake(draft: Draft, at: number, end: number): void {
  const { view } = draft.memory;
  const kind = handshakeKindOf(view, at);
  const fields = commonFields(draft, at, end);
  if (kind === HandshakeKind.hello || kind === HandshakeKind.helloClear) {
    const hello = readHello(view, at, end - at);
    if (typeof hello === 'string') return dissectFaulty(draft, fields, hello, at, end);
    fields.push(field('ticketLength', hello.ticketLength, at + HELLO_FIELD.ticketLength, 2));
    addTicket(draft, fields, hello.ticketAt, hello.ticketLength);
    if (hello.withBlock) addAddressBlock(draft, fields, hello.blockAt, hello.bodyAt);
    dissectBody(draft, fields, at, hello.bodyAt, end, kind === HandshakeKind.hello);
  } else {
    const ack = readHelloAck(view, at, end - at);
    if (typeof ack === 'string') return dissectFaulty(draft, fields, ack, at, end);
    dissectBody(draft, fields, at, ack.bodyAt, end, kind === HandshakeKind.helloAck);
  }
}

const NAMES: readonly string[] = ['HELLO', 'HELLO_ACK', 'HELLO_CLEAR', 'HELLO_CLEAR_ACK'];

const nameOf = (draft: Draft, at: number): string => NAMES[handshakeKindOf(draft.memory.view, at) & 3]!;

/** What all four have, as far as it is there. */
function commonFields(draft: Draft, at: number, end: number): Field[] {
  const { memory } = draft;
  const { view } = memory;
  const conv = conversationOf(view, at);
  const byte = view.getUint8(at + HELLO_FIELD.kind);
  const randomAt = at + HELLO_FIELD.random;
  return [
    field('conv', conv, at, 4, hex32(conv)),
    field('kind', byte, at + HELLO_FIELD.kind, 1, `0x${byte.toString(16)}`),
    field('version', view.getUint8(at + HELLO_FIELD.version), at + HELLO_FIELD.version, 1),
    field('pn', readPacketNumber(view, at + HELLO_FIELD.pn), at + HELLO_FIELD.pn, 6),
    bytesField(memory, 'random', randomAt, Math.min(RANDOM_BYTES, end - randomAt)),
  ];
}

function dissectFaulty(draft: Draft, fields: Field[], fault: HandshakeFault, at: number, end: number): void {
  draft.problem(fault, at, FAULT_TEXTS[fault]);
  addRest(draft, fields, end);
  draft.unit(nameOf(draft, at), at, end - at, fields);
}

const FAULT_TEXTS: Readonly<Record<HandshakeFault, string>> = {
  hello_truncated: 'the datagram ends inside the handshake header, the address block or the tag',
  hello_kind: 'this handshake message has no address block, or does not exist',
  hello_version: 'the version of the handshake is not 1',
  hello_reserved: 'the six bytes behind the version are not zero',
  hello_ticket_length: 'no ticket is so short or so long',
};

function addTicket(draft: Draft, fields: Field[], at: number, length: number): void {
  const { memory } = draft;
  const nonceAt = at + TICKET_ADDITIONAL_BYTES;
  const tagAt = at + length - TICKET_TAG_BYTES;
  const textAt = at + TICKET_HEADER_BYTES;
  fields.push(
    field('ticketVersion', ticketVersionOf(memory.bytes, at), at, 1),
    field('ticketKeyId', ticketKeyIdOf(memory.bytes, at), at + 1, 1),
    bytesField(memory, 'ticketNonce', nonceAt, TICKET_NONCE_BYTES),
    bytesField(memory, 'ticketText', textAt, tagAt - textAt),
    bytesField(memory, 'ticketTag', tagAt, TICKET_TAG_BYTES),
  );
}

function dissectBody(
  draft: Draft,
  fields: Field[],
  at: number,
  bodyAt: number,
  end: number,
  sealed: boolean,
): void {
  if (sealed) {
    const tagAt = end - SEAL_TAG_BYTES;
    fields.push(
      bytesField(draft.memory, 'ciphertext', bodyAt, tagAt - bodyAt),
      bytesField(draft.memory, 'tag', tagAt, SEAL_TAG_BYTES),
    );
    draft.unit(nameOf(draft, at), at, end - at, fields);
  } else {
    draft.unit(nameOf(draft, at), at, bodyAt - at, fields);
    dissectSegments(draft, bodyAt, end, conversationOf(draft.memory.view, at));
  }
}
