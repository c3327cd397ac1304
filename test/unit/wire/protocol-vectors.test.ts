import { describe, expect, it } from 'vitest';
import { parseSocketAddress } from '../../../src/base/address.ts';
import { writeAddressBlock } from '../../../src/wire/address-block.ts';
import { type AnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { Command } from '../../../src/wire/command.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import { HandshakeKind, writeHelloAckHeader, writeHelloHeader } from '../../../src/wire/hello.ts';
import { type WireMemory, wireMemory } from '../../../src/wire/memory.ts';
import { SEALED_HEADER_BYTES, writeSealedHeader } from '../../../src/wire/sealed-header.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../../src/wire/segment.ts';
import { readTicketBody, writeTicketBody, writeTicketHeader } from '../../../src/wire/ticket.ts';
import { deriveKey, openTicket, resetToken, seal, sealTicket } from './aead.ts';
import { written } from './placed.ts';
import { fromHex, loadVectors, toHex } from './vectors.ts';

interface ProtocolVectors {
  readonly inputs: {
    readonly conv: number;
    readonly secret: string;
    readonly clientRandom: string;
    readonly serverRandom: string;
    readonly ticketKey: string;
    readonly ticketKeyId: number;
    readonly ticketNonce: string;
    readonly issuedMs: number;
    readonly expiresMs: number;
    readonly subject: string;
    readonly claims: string;
    readonly resetKey: string;
  };
  readonly keys: Readonly<Record<'early' | 'client' | 'server', string>>;
  readonly ticket: string;
  readonly resetToken: string;
  readonly addressBlock: Readonly<Record<string, string>>;
  readonly segments: Readonly<Record<string, string>>;
  readonly hello: string;
  readonly helloAck: string;
  readonly data: string;
  readonly dataWithAddressBlock: string;
}

const vectors = loadVectors('protocol.json') as ProtocolVectors;
const { inputs } = vectors;
const { conv } = inputs;
const secret = fromHex(inputs.secret);
const clientRandom = fromHex(inputs.clientRandom);
const serverRandom = fromHex(inputs.serverRandom);
const bothRandoms = Uint8Array.of(...clientRandom, ...serverRandom);
const keys = {
  early: deriveKey(secret, clientRandom, 'early'),
  client: deriveKey(secret, bothRandoms, 'client'),
  server: deriveKey(secret, bothRandoms, 'server'),
};
const body = {
  conv,
  issuedMs: inputs.issuedMs,
  expiresMs: inputs.expiresMs,
  secret,
  seal: 'aead',
  subject: inputs.subject,
  claims: inputs.claims,
} as const;

/** The window all vectors tell, and the clock of those of the handshake. */
const WND = 1024;
const HELLO_TS = 1000;

const data = { conv, wnd: WND, ts: 1234, una: 5, sn: 7, frg: 0, payload: fromHex('616263') };
const session = { conv, wnd: 0, una: 0 };
const probe = { conv: 0, index: 2, ts: 77, number: 2, nonce: 0xdeadbeef };
const client = addressOf('203.0.113.9:40001');

const SEGMENTS: Readonly<Record<string, AnySegment>> = {
  push: { type: 'push', ...data },
  new: { type: 'new', ...data, address: client },
  kick: { type: 'kick', ...session, wnd: WND, una: 5, code: 3500, retryAfterMs: 2000, reason: 'bye ✓' },
  fin: { type: 'fin', ...session, wnd: WND, una: 5, acknowledges: false, finalSn: 8, code: 0 },
  finAck: { type: 'fin', ...session, wnd: WND, una: 5, acknowledges: true, finalSn: 8, code: 0 },
  reset: { type: 'reset', conv, token: fromHex(vectors.resetToken) },
  probe: { type: 'probe', ...probe, paddingBytes: 40 },
  probeAck: {
    type: 'probeAck',
    ...probe,
    load: 42,
    draining: true,
    notReady: false,
    address: client,
    nodeId: 1,
    epochSeconds: 1_760_000_000,
    retryAfterMs: 1500,
  },
  challenge: {
    type: 'pathChallenge',
    ...session,
    wnd: WND,
    ts: 99,
    data: Uint8Array.from({ length: 8 }, (_, index) => index),
  },
};

function addressOf(text: string) {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.address;
}

/** Writes segments with `write`, then seals what stands from `textAt` on; the memory holds the rest already. */
function sealed(
  key: Uint8Array,
  pn: number,
  additionalLength: number,
  write: (memory: WireMemory) => { textAt: number; end: number },
): string {
  const memory = wireMemory(new Uint8Array(2000));
  const { textAt, end } = write(memory);
  const text = memory.bytes.subarray(textAt, end);
  const cipher = seal(key, pn, memory.bytes.subarray(0, additionalLength), text);
  return toHex(memory.bytes.subarray(0, textAt)) + toHex(cipher);
}

function sealedPush(
  key: Uint8Array,
  pathId: number,
  pn: number,
  address: string | null,
  push: AnySegment,
): string {
  return sealed(key, pn, SEALED_HEADER_BYTES, (memory) => {
    writeSealedHeader(memory.view, 0, conv, pathId, pn, address !== null);
    let textAt = SEALED_HEADER_BYTES;
    if (address !== null) textAt += writeAddressBlock(memory, textAt, addressOf(address));
    return { textAt, end: textAt + writeAnySegment(memory, textAt, push) };
  });
}

describe('test/vectors/protocol.json', () => {
  it('keys', () => {
    expect({ early: toHex(keys.early), client: toHex(keys.client), server: toHex(keys.server) }).toEqual(
      vectors.keys,
    );
  });

  it('ticket', () => {
    const header = new Uint8Array(14);
    writeTicketHeader(header, 0, inputs.ticketKeyId, fromHex(inputs.ticketNonce));
    const ticketKey = fromHex(inputs.ticketKey);
    const text = writeTicketBody(body);
    expect(toHex(header) + toHex(sealTicket(ticketKey, header, text))).toBe(vectors.ticket);
    expect(readTicketBody(openTicket(ticketKey, fromHex(vectors.ticket))!)).toEqual(body);
  });

  it('reset token', () => {
    expect(toHex(resetToken(fromHex(inputs.resetKey), conv))).toBe(vectors.resetToken);
  });

  it.each(Object.entries(vectors.addressBlock))('address block %s', (address, hex) => {
    const value = address === 'empty' ? null : addressOf(address);
    expect(written((memory, at) => writeAddressBlock(memory, at, value))).toBe(hex);
  });

  it.each(Object.entries(vectors.segments))('segment %s', (name, hex) => {
    expect(written((memory, at) => writeAnySegment(memory, at, SEGMENTS[name]!))).toBe(hex);
  });

  it('hello', () => {
    const ticket = fromHex(vectors.ticket);
    const hello = sealed(keys.early, 0, 30 + ticket.length, (memory) => {
      const textAt = writeHelloHeader(memory, 0, {
        kind: HandshakeKind.hello,
        conv,
        pn: 0,
        random: clientRandom,
        ticket,
        withBlock: true,
      });
      const { view } = memory;
      writeSegmentHeader(view, textAt, conv, Command.windowAsk, 0, WND, HELLO_TS, 0, 0, 0);
      const paddingAt = textAt + SEGMENT_HEADER_BYTES;
      const end = 1200 - 16;
      writeSegmentHeader(
        view,
        paddingAt,
        conv,
        Command.padding,
        0,
        WND,
        0,
        0,
        0,
        end - paddingAt - SEGMENT_HEADER_BYTES,
      );
      return { textAt, end };
    });
    expect(hello).toBe(vectors.hello);
  });

  it('helloAck', () => {
    const ack = sealed(keys.server, 0, 28, (memory) => {
      const header = { kind: HandshakeKind.helloAck, conv, pn: 0, random: serverRandom };
      const textAt = writeHelloAckHeader(memory, 0, header);
      writeSegmentHeader(memory.view, textAt, conv, Command.windowTell, 0, WND, HELLO_TS, 0, 0, 0);
      return { textAt, end: textAt + SEGMENT_HEADER_BYTES };
    });
    expect(ack).toBe(vectors.helloAck);
  });

  it('data', () => {
    const push = { type: 'push', ...data, una: 0, sn: 0, payload: Buffer.from('hello gateway') } as const;
    expect(sealedPush(keys.client, 0, 1, null, push)).toBe(vectors.data);
  });

  it('dataWithAddressBlock', () => {
    const pn = 0x0001_0203_0405;
    const push = {
      type: 'push',
      ...data,
      ts: 1235,
      una: 0,
      sn: 1,
      payload: Buffer.from('new path'),
    } as const;
    expect(sealedPush(keys.client, 2, pn, '203.0.113.9:40001', push)).toBe(vectors.dataWithAddressBlock);
  });

  it.each(['hello', 'helloAck', 'data', 'dataWithAddressBlock'] as const)(
    '%s is taken apart without a problem',
    (name) => {
      expect(dissect(fromHex(vectors[name])).problems).toEqual([]);
    },
  );

  it('has nothing that is not replayed here', () => {
    expect(Object.keys(vectors).sort()).toEqual(
      [
        'note',
        'inputs',
        'keys',
        'ticket',
        'resetToken',
        'addressBlock',
        'segments',
        'hello',
        'helloAck',
        'data',
        'dataWithAddressBlock',
      ].sort(),
    );
    expect(Object.keys(vectors.segments).sort()).toEqual(Object.keys(SEGMENTS).sort());
  });
});
