import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { checkAddressBlock, readAddressBlock, writeAddressBlock } from '../../../src/wire/address-block.ts';
import { isAllocatableConv, ownerOf } from '../../../src/wire/conversation.ts';
import { datagramKind } from '../../../src/wire/datagram-kind.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import {
  HandshakeKind,
  handshakeKindOf,
  readHello,
  readHelloAck,
  writeHelloAckHeader,
  writeHelloHeader,
} from '../../../src/wire/hello.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import {
  hasAddressBlock,
  isCopy,
  packetNumberOf,
  pathIdOf,
  SEALED_HEADER_BYTES,
  sealedHeaderBytes,
  sealedTextLength,
  writeSealedHeader,
} from '../../../src/wire/sealed-header.ts';
import { conversationOf } from '../../../src/wire/segment.ts';
import {
  readTicketBody,
  TICKET_HEADER_BYTES,
  TICKET_VERSION,
  ticketKeyIdOf,
  ticketVersionOf,
  writeTicketBody,
  writeTicketHeader,
} from '../../../src/wire/ticket.ts';
import { deriveKey, open, openTicket, resetToken, seal, sealTicket } from './aead.ts';
import { AT, placed, written } from './placed.ts';
import { fromHex, loadVectors, toHex } from './vectors.ts';

/** null = no address block; without address = one that is not filled. */
type JsonBlock = SocketAddress | Readonly<Record<string, never>> | null;

interface SealedVector {
  readonly name: string;
  readonly key: string;
  readonly conv: number;
  readonly pathId: number;
  readonly pn: number;
  readonly block: JsonBlock;
  readonly copy: boolean;
  readonly segments: string;
  readonly hex: string;
}

interface HelloVector<Kind extends string> {
  readonly name: string;
  readonly kind: Kind;
  readonly conv: number;
  readonly pn: number;
  readonly random: string;
  /** Null in clear ones. */
  readonly key: string | null;
  readonly segments: string;
  readonly hex: string;
}

interface HandshakeVectors {
  readonly derivedKeys: readonly Readonly<
    Record<'name' | 'secret' | 'clientRandom' | 'serverRandom' | 'early' | 'client' | 'server', string>
  >[];
  readonly resetTokens: readonly { resetKey: string; conv: number; token: string }[];
  readonly conversations: readonly { conv: number; owner: number; allocatable: boolean }[];
  readonly sealedHeaders: readonly {
    name: string;
    conv: number;
    pathId: number;
    pn: number;
    addressBlock: boolean;
    copy: boolean;
    hex: string;
  }[];
  readonly sealedDatagrams: readonly SealedVector[];
  readonly forgedDatagrams: readonly { name: string; key: string; hex: string }[];
  readonly cutSealedDatagrams: readonly { name: string; hex: string }[];
  readonly tickets: readonly {
    name: string;
    key: string;
    keyId: number;
    nonce: string;
    body: {
      conv: number;
      issuedMs: number;
      expiresMs: number;
      secret: string;
      seal: 'aead' | 'clear';
      subject: string;
      claims: string;
    };
    text: string;
    hex: string;
  }[];
  readonly badTicketTexts: readonly { name: string; hex: string }[];
  readonly hellos: readonly (HelloVector<'hello' | 'helloClear'> & { ticket: string; block: JsonBlock })[];
  readonly helloAcks: readonly HelloVector<'helloAck' | 'helloClearAck'>[];
  readonly badHandshakes: readonly { name: string; fault: string; hex: string }[];
}

const vectors = loadVectors('handshake.json') as HandshakeVectors;

const addressOf = (block: JsonBlock): SocketAddress | null =>
  block !== null && 'address' in block ? (block as SocketAddress) : null;

/** What stands in the address block at `at`, as the vectors have it. */
function blockAt(memory: ReturnType<typeof wireMemory>, at: number, end: number): JsonBlock {
  const state = checkAddressBlock(memory.view, at, end);
  expect(state === 'filled' || state === 'not_filled').toBe(true);
  return state === 'filled' ? readAddressBlock(memory, at) : {};
}

const hexAt = (bytes: Uint8Array, at: number, length: number): string =>
  toHex(bytes.subarray(at, at + length));

describe('keys and tokens', () => {
  it.each(vectors.derivedKeys)(
    'derived keys: $name',
    ({ secret, clientRandom, serverRandom, early, client, server }) => {
      const both = fromHex(clientRandom + serverRandom);
      expect(toHex(deriveKey(fromHex(secret), fromHex(clientRandom), 'early'))).toBe(early);
      expect(toHex(deriveKey(fromHex(secret), both, 'client'))).toBe(client);
      expect(toHex(deriveKey(fromHex(secret), both, 'server'))).toBe(server);
    },
  );

  it.each(vectors.resetTokens)('reset token of $conv', ({ resetKey, conv, token }) => {
    expect(toHex(resetToken(fromHex(resetKey), conv))).toBe(token);
  });

  it.each(vectors.conversations)('conv $conv', ({ conv, owner, allocatable }) => {
    expect(ownerOf(conv)).toBe(owner);
    expect(isAllocatableConv(conv)).toBe(allocatable);
  });
});

describe('sealed datagrams', () => {
  it.each(vectors.sealedHeaders)('header: $name', ({ conv, pathId, pn, addressBlock, copy, hex }) => {
    const { memory } = placed(hex);
    expect(conversationOf(memory.view, AT)).toBe(conv);
    expect(pathIdOf(memory.view, AT)).toBe(pathId);
    expect(packetNumberOf(memory.view, AT)).toBe(pn);
    expect(hasAddressBlock(memory.view, AT)).toBe(addressBlock);
    expect(sealedHeaderBytes(memory.view, AT)).toBe(addressBlock ? 32 : 12);
    expect(isCopy(memory.view, AT)).toBe(copy);
    const header = written((target, at) => {
      writeSealedHeader(target.view, at, conv, pathId, pn, addressBlock, copy);
      return SEALED_HEADER_BYTES;
    });
    expect(header).toBe(hex);
  });

  it.each(vectors.sealedDatagrams)(
    '$name: opens',
    ({ key, conv, pathId, pn, block, copy, segments, hex }) => {
      const { memory, end, length } = placed(hex);
      const { bytes, view } = memory;
      expect(datagramKind(view, AT, length)).toBe('sealed');
      expect([conversationOf(view, AT), pathIdOf(view, AT), packetNumberOf(view, AT)]).toEqual([
        conv,
        pathId,
        pn,
      ]);
      expect(hasAddressBlock(view, AT)).toBe(block !== null);
      expect(isCopy(view, AT)).toBe(copy);
      if (block !== null) expect(blockAt(memory, AT + SEALED_HEADER_BYTES, end)).toEqual(block);
      expect(sealedTextLength(view, AT, length)).toBe(segments.length / 2);
      const text = open(
        fromHex(key),
        pn,
        bytes.subarray(AT, AT + SEALED_HEADER_BYTES),
        bytes.subarray(AT + sealedHeaderBytes(view, AT), end),
      );
      expect(toHex(text!)).toBe(segments);
      expect(dissect(fromHex(hex)).problems).toEqual([]);
    },
  );

  it.each(vectors.sealedDatagrams)(
    '$name: seals',
    ({ key, conv, pathId, pn, block, copy, segments, hex }) => {
      const sealed = written((memory, at) => {
        writeSealedHeader(memory.view, at, conv, pathId, pn, block !== null, copy);
        let length = SEALED_HEADER_BYTES;
        if (block !== null) length += writeAddressBlock(memory, at + length, addressOf(block));
        const text = seal(
          fromHex(key),
          pn,
          memory.bytes.subarray(at, at + SEALED_HEADER_BYTES),
          fromHex(segments),
        );
        memory.bytes.set(text, at + length);
        return length + text.length;
      });
      expect(sealed).toBe(hex);
    },
  );

  it.each(vectors.forgedDatagrams)('forged: $name', ({ key, hex }) => {
    const { memory, end } = placed(hex);
    const { bytes, view } = memory;
    const text = open(
      fromHex(key),
      packetNumberOf(view, AT),
      bytes.subarray(AT, AT + SEALED_HEADER_BYTES),
      bytes.subarray(AT + sealedHeaderBytes(view, AT), end),
    );
    expect(text).toBeUndefined();
  });

  it.each(vectors.cutSealedDatagrams)('cut off: $name', ({ hex }) => {
    const { memory, length } = placed(hex);
    expect(sealedTextLength(memory.view, AT, length)).toBe(-1);
    expect(dissect(fromHex(hex)).problems.map(({ code }) => code)).toEqual(['truncated_tag']);
  });
});

describe('tickets', () => {
  it.each(vectors.tickets)('$name', ({ key, keyId, nonce, body: json, text, hex }) => {
    const body = { ...json, secret: fromHex(json.secret) };
    const ticket = fromHex(hex);
    expect(ticketVersionOf(ticket, 0)).toBe(TICKET_VERSION);
    expect(ticketKeyIdOf(ticket, 0)).toBe(keyId);
    expect(toHex(openTicket(fromHex(key), ticket)!)).toBe(text);
    expect(readTicketBody(fromHex(text))).toEqual(body);
    expect(toHex(writeTicketBody(body))).toBe(text);
    const header = new Uint8Array(TICKET_HEADER_BYTES);
    expect(writeTicketHeader(header, 0, keyId, fromHex(nonce))).toBe(TICKET_HEADER_BYTES);
    expect(toHex(header) + toHex(sealTicket(fromHex(key), header, fromHex(text)))).toBe(hex);
  });

  it.each(vectors.badTicketTexts)('refused: $name', ({ hex }) => {
    expect(readTicketBody(fromHex(hex))).toBeUndefined();
  });
});

describe('HELLO and HELLO_CLEAR', () => {
  it.each(vectors.hellos)(
    '$name: decodes',
    ({ kind, conv, pn, random, ticket, block, key, segments, hex }) => {
      const { memory, end, length } = placed(hex);
      const { bytes, view } = memory;
      expect(datagramKind(view, AT, length)).toBe('handshake');
      expect(handshakeKindOf(view, AT)).toBe(HandshakeKind[kind]);
      const hello = readHello(view, AT, length);
      if (typeof hello === 'string') throw new Error(hello);
      expect([hello.kind, hello.conv, hello.pn]).toEqual([HandshakeKind[kind], conv, pn]);
      expect(hexAt(bytes, hello.randomAt, 16)).toBe(random);
      expect(hexAt(bytes, hello.ticketAt, hello.ticketLength)).toBe(ticket);
      expect(hello.withBlock).toBe(block !== null);
      if (block === null) expect(hello.blockAt).toBe(-1);
      else expect(blockAt(memory, hello.blockAt, hello.bodyAt)).toEqual(block);
      expect(hello.bodyAt + hello.bodyLength).toBe(end);
      const body = bytes.subarray(hello.bodyAt, end);
      const additionalData = bytes.subarray(AT, AT + hello.additionalLength);
      const text = key === null ? body : open(fromHex(key), pn, additionalData, body)!;
      expect(toHex(text)).toBe(segments);
      expect(dissect(fromHex(hex)).problems).toEqual([]);
    },
  );

  it.each(vectors.hellos)(
    '$name: encodes',
    ({ kind, conv, pn, random, ticket, block, key, segments, hex }) => {
      const hello = written((memory, at) => {
        const header = {
          kind: HandshakeKind[kind],
          conv,
          pn,
          random: fromHex(random),
          ticket: fromHex(ticket),
        };
        const length = writeHelloHeader(memory, at, { ...header, withBlock: block !== null });
        const additionalLength = 30 + header.ticket.length;
        if (block !== null) writeAddressBlock(memory, at + additionalLength, addressOf(block));
        const text = fromHex(segments);
        const additionalData = memory.bytes.subarray(at, at + additionalLength);
        const body = key === null ? text : seal(fromHex(key), pn, additionalData, text);
        memory.bytes.set(body, at + length);
        return length + body.length;
      });
      expect(hello).toBe(hex);
    },
  );
});

describe('HELLO_ACK and HELLO_CLEAR_ACK', () => {
  it.each(vectors.helloAcks)('$name: decodes', ({ kind, conv, pn, random, key, segments, hex }) => {
    const { memory, end, length } = placed(hex);
    const { bytes, view } = memory;
    expect(datagramKind(view, AT, length)).toBe('handshake');
    const ack = readHelloAck(view, AT, length);
    if (typeof ack === 'string') throw new Error(ack);
    expect([ack.kind, ack.conv, ack.pn]).toEqual([HandshakeKind[kind], conv, pn]);
    expect(hexAt(bytes, ack.randomAt, 16)).toBe(random);
    expect(ack.bodyAt + ack.bodyLength).toBe(end);
    const body = bytes.subarray(ack.bodyAt, end);
    const additionalData = bytes.subarray(AT, AT + ack.additionalLength);
    const text = key === null ? body : open(fromHex(key), pn, additionalData, body)!;
    expect(toHex(text)).toBe(segments);
    expect(dissect(fromHex(hex)).problems).toEqual([]);
  });

  it.each(vectors.helloAcks)('$name: encodes', ({ kind, conv, pn, random, key, segments, hex }) => {
    const ack = written((memory, at) => {
      const length = writeHelloAckHeader(memory, at, {
        kind: HandshakeKind[kind],
        conv,
        pn,
        random: fromHex(random),
      });
      const text = fromHex(segments);
      const additionalData = memory.bytes.subarray(at, at + length);
      const body = key === null ? text : seal(fromHex(key), pn, additionalData, text);
      memory.bytes.set(body, at + length);
      return length + body.length;
    });
    expect(ack).toBe(hex);
  });
});

describe('what is no handshake datagram', () => {
  it.each(vectors.badHandshakes)('$name: $fault', ({ fault, hex }) => {
    const { memory, length } = placed(hex);
    const kind = handshakeKindOf(memory.view, AT);
    const isHello = kind === HandshakeKind.hello || kind === HandshakeKind.helloClear;
    const read = isHello ? readHello : readHelloAck;
    expect(read(memory.view, AT, length)).toBe(fault);
    // The reader of the other two does not take it either.
    const other = (isHello ? readHelloAck : readHello)(memory.view, AT, length);
    expect(other === 'hello_kind' || other === 'hello_truncated').toBe(true);
    expect(dissect(fromHex(hex)).problems.map(({ code }) => code)).toEqual([fault]);
  });
});
