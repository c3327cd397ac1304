import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAddressBlock, writeAddressBlock } from '../../../src/wire/address-block.ts';
import { datagramKind } from '../../../src/wire/datagram-kind.ts';
import {
  HandshakeKind,
  readHello,
  readHelloAck,
  writeHelloAckHeader,
  writeHelloHeader,
} from '../../../src/wire/hello.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import {
  isCopy,
  packetNumberOf,
  pathIdOf,
  SEAL_TAG_BYTES,
  SEALED_HEADER_BYTES,
  sealedHeaderBytes,
  sealedTextLength,
  writeSealedHeader,
} from '../../../src/wire/sealed-header.ts';
import { conversationOf } from '../../../src/wire/segment.ts';
import {
  MAX_TICKET_BYTES,
  readTicketBody,
  type TicketBody,
  writeTicketBody,
} from '../../../src/wire/ticket.ts';
import { checkDissection } from './check-dissection.ts';
import { randomDatagram } from './generate-datagram.ts';
import { mutated } from './mutate.ts';
import { LIMIT_MS, RUNS } from './runs.ts';

const uint = (bits: number) =>
  fc.oneof(fc.integer({ min: 0, max: 2 ** bits - 1 }), fc.constantFrom(0, 1, 2 ** (bits - 1), 2 ** bits - 1));
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.uint8Array({ maxLength: 80 });

const hello = fc
  .record({
    kind: fc.constantFrom(HandshakeKind.hello, HandshakeKind.helloClear),
    conv: uint(32),
    pn: uint(48),
    random: bytesOf(16),
    ticket: fc.oneof(
      fc.uint8Array({ minLength: 86, maxLength: 130 }),
      bytesOf(86),
      bytesOf(MAX_TICKET_BYTES),
    ),
    withBlock: fc.boolean(),
    text,
  })
  .map((each) => {
    const memory = wireMemory(new Uint8Array(1300));
    const bodyAt = writeHelloHeader(memory, 0, each);
    memory.bytes.set(each.text, bodyAt);
    const tagBytes = each.kind === HandshakeKind.hello ? SEAL_TAG_BYTES : 0;
    return memory.bytes.slice(0, bodyAt + each.text.length + tagBytes);
  });

const helloAck = fc
  .record({
    kind: fc.constantFrom(HandshakeKind.helloAck, HandshakeKind.helloClearAck),
    conv: uint(32),
    pn: uint(48),
    random: bytesOf(16),
    text,
  })
  .map((each) => {
    const memory = wireMemory(new Uint8Array(200));
    const bodyAt = writeHelloAckHeader(memory, 0, each);
    memory.bytes.set(each.text, bodyAt);
    return memory.bytes.slice(0, bodyAt + each.text.length + SEAL_TAG_BYTES);
  });

const sealed = fc
  .record({
    conv: uint(32),
    pathId: uint(8),
    pn: uint(48),
    withBlock: fc.boolean(),
    copy: fc.boolean(),
    text,
  })
  .map((each) => {
    const memory = wireMemory(new Uint8Array(200));
    writeSealedHeader(memory.view, 0, each.conv, each.pathId, each.pn, each.withBlock, each.copy);
    if (each.withBlock) writeAddressBlock(memory, SEALED_HEADER_BYTES, null);
    const textAt = sealedHeaderBytes(memory.view, 0);
    memory.bytes.set(each.text, textAt);
    return memory.bytes.slice(0, textAt + each.text.length + SEAL_TAG_BYTES);
  });

const ticketBody: fc.Arbitrary<TicketBody> = fc.record({
  conv: uint(32),
  issuedMs: fc.maxSafeNat(),
  expiresMs: fc.maxSafeNat(),
  secret: bytesOf(32),
  seal: fc.constantFrom<'aead' | 'clear'>('aead', 'clear'),
  subject: fc.string({ unit: 'binary', maxLength: 40 }),
  claims: fc.oneof(
    fc.json({ maxDepth: 1 }).filter((json) => json.length < 150),
    fc.constant(''),
  ),
});

const anyDatagram = fc.oneof(mutated(hello), mutated(helloAck), mutated(sealed), randomDatagram);

/** The bytes between others at some place: nothing of those may be read. */
function placedTwice(bytes: Uint8Array, at: number) {
  return [0x00, 0xff].map((around) => {
    const all = new Uint8Array(at + bytes.length + 1100).fill(around);
    all.set(bytes, at);
    return wireMemory(all);
  });
}

describe('fuzz: handshake and sealed datagrams', () => {
  it(
    'readers take any bytes at any place, read nothing around them, and what they name lies inside',
    () => {
      fc.assert(
        fc.property(anyDatagram, fc.nat(40), (bytes, at) => {
          const [low, high] = placedTwice(bytes, at);
          const end = at + bytes.length;
          const hello = readHello(low!.view, at, bytes.length);
          expect(readHello(high!.view, at, bytes.length)).toEqual(hello);
          if (typeof hello !== 'string') {
            expect(hello.ticketAt + hello.ticketLength).toBe(at + hello.additionalLength);
            expect(hello.bodyAt + hello.bodyLength).toBe(end);
            expect(hello.bodyLength).toBeGreaterThanOrEqual(hello.kind === HandshakeKind.hello ? 16 : 0);
            expect(hello.bodyAt - at - hello.additionalLength).toBe(hello.withBlock ? 20 : 0);
            if (hello.withBlock) checkAddressBlock(low!.view, hello.blockAt, hello.bodyAt);
          }
          const ack = readHelloAck(low!.view, at, bytes.length);
          expect(readHelloAck(high!.view, at, bytes.length)).toEqual(ack);
          if (typeof ack !== 'string') expect(ack.bodyAt + ack.bodyLength).toBe(end);
          expect(typeof hello === 'string' || typeof ack === 'string').toBe(true);
          const textLength = sealedTextLength(low!.view, at, bytes.length);
          expect(sealedTextLength(high!.view, at, bytes.length)).toBe(textLength);
          expect(textLength).toBeGreaterThanOrEqual(-1);
          if (textLength >= 0) {
            expect(at + sealedHeaderBytes(low!.view, at) + textLength + SEAL_TAG_BYTES).toBe(end);
          }
          checkDissection(bytes);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'what a reader accepts is written the same way again',
    () => {
      fc.assert(
        fc.property(anyDatagram, (bytes) => {
          const { view } = wireMemory(bytes);
          const again = wireMemory(bytes.slice().fill(0));
          const hello = readHello(view, 0, bytes.length);
          const ack = readHelloAck(view, 0, bytes.length);
          const random = bytes.subarray(12, 28);
          let headerLength = 0;
          if (typeof hello !== 'string') {
            const ticket = bytes.subarray(hello.ticketAt, hello.ticketAt + hello.ticketLength);
            headerLength = writeHelloHeader(again, 0, { ...hello, random, ticket });
            expect(headerLength).toBe(hello.bodyAt);
            headerLength = hello.additionalLength;
          } else if (typeof ack !== 'string') {
            headerLength = writeHelloAckHeader(again, 0, { ...ack, random });
            expect(headerLength).toBe(ack.bodyAt);
          } else if (
            datagramKind(view, 0, bytes.length) === 'sealed' &&
            sealedTextLength(view, 0, bytes.length) >= 0
          ) {
            const withBlock = sealedHeaderBytes(view, 0) > SEALED_HEADER_BYTES;
            writeSealedHeader(
              again.view,
              0,
              conversationOf(view, 0),
              pathIdOf(view, 0),
              packetNumberOf(view, 0),
              withBlock,
              isCopy(view, 0),
            );
            headerLength = SEALED_HEADER_BYTES;
          }
          expect(again.bytes.subarray(0, headerLength)).toEqual(bytes.subarray(0, headerLength));
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});

describe('fuzz: tickets', () => {
  it(
    'any bytes are a body that is written the same way again, or none',
    () => {
      const anyBody = fc.oneof(mutated(ticketBody.map(writeTicketBody)), fc.uint8Array({ maxLength: 1100 }));
      fc.assert(
        fc.property(anyBody, (bytes) => {
          const before = bytes.slice();
          const body = readTicketBody(bytes);
          if (body !== undefined) expect(writeTicketBody(body)).toEqual(bytes);
          expect(bytes).toEqual(before);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
