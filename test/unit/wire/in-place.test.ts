import { describe, expect, it } from 'vitest';
import { isAllocatableConv } from '../../../src/wire/conversation.ts';
import {
  datagramCounterOf,
  datagramPayloadAt,
  readDatagramSegment,
  writeDatagramHeader,
} from '../../../src/wire/datagram-segment.ts';
import { HandshakeKind, writeHelloHeader } from '../../../src/wire/hello.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import {
  hasPathData,
  pathDataEquals,
  PATH_PROBE_BYTES,
  readPathProbe,
  writePathProbe,
  writePathResponse,
} from '../../../src/wire/path-probe.ts';
import { parseProxyHeader, ProxyHeader } from '../../../src/wire/proxy-header.ts';
import { PROXY_V2_MAX_BYTES, writeProxyV2 } from '../../../src/wire/proxy-v2.ts';
import { payloadLengthOf } from '../../../src/wire/segment.ts';
import { MAX_TICKET_BYTES } from '../../../src/wire/ticket.ts';

const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const challenge = { type: 'pathChallenge', conv: 9, wnd: 1, una: 2, ts: 0xfffffffe, data } as const;

describe('PATH_CHALLENGE and PATH_RESPONSE in place', () => {
  it('a response is written from the challenge where it stands', () => {
    const arrived = wireMemory(new Uint8Array(50));
    writePathProbe(arrived, 5, challenge);
    expect(hasPathData(arrived.view, 5)).toBe(true);
    const arena = wireMemory(new Uint8Array(60).fill(0xee));
    expect(writePathResponse(arena, 11, 77, 88, arrived, 5)).toBe(PATH_PROBE_BYTES);
    expect(readPathProbe(arena, 11)).toEqual({ ...challenge, type: 'pathResponse', wnd: 77, una: 88 });
    expect([arena.bytes[10], arena.bytes[11 + PATH_PROBE_BYTES]]).toEqual([0xee, 0xee]);
    expect(pathDataEquals(arena.bytes, 11, data)).toBe(true);
  });

  it('a response with another byte, or another length, is none', () => {
    const memory = wireMemory(new Uint8Array(50));
    for (let i = 0; i < 8; i++) {
      writePathProbe(memory, 5, challenge);
      memory.bytes[5 + 24 + i]! ^= 0x80;
      expect(pathDataEquals(memory.bytes, 5, data)).toBe(false);
    }
    for (const length of [7, 9, 8 + 0x100, 8 + 0x10000, 8 + 0x1000000]) {
      writePathProbe(memory, 5, challenge);
      memory.view.setUint32(5 + 20, length, true);
      expect(hasPathData(memory.view, 5)).toBe(false);
      expect(pathDataEquals(memory.bytes, 5, data)).toBe(false);
    }
  });
});

describe('DATAGRAM in place', () => {
  it('its header is written in front of the message, and read where it stands', () => {
    const memory = wireMemory(new Uint8Array(40));
    memory.bytes.set([97, 98, 99], datagramPayloadAt(5));
    expect(writeDatagramHeader(memory.view, 5, 9, 1, 0xfffffffe, 2, 3)).toBe(24);
    expect(datagramCounterOf(memory.view, 5)).toBe(0xfffffffe);
    expect(payloadLengthOf(memory.view, 5)).toBe(3);
    expect(readDatagramSegment(memory, 5)).toEqual({
      type: 'datagram',
      conv: 9,
      wnd: 1,
      una: 2,
      counter: 0xfffffffe,
      payload: Uint8Array.of(97, 98, 99),
    });
  });
});

describe('what cannot be written', () => {
  it('a ticket that is too long is not cut', () => {
    const memory = wireMemory(new Uint8Array(3000));
    const hello = { kind: HandshakeKind.hello, conv: 1, pn: 0, random: new Uint8Array(16), withBlock: false };
    expect(writeHelloHeader(memory, 0, { ...hello, ticket: new Uint8Array(MAX_TICKET_BYTES) })).toBe(1054);
    expect(() => writeHelloHeader(memory, 0, { ...hello, ticket: new Uint8Array(1025) })).toThrow(RangeError);
  });

  it('an address that is none makes a PROXY header without addresses', () => {
    const memory = wireMemory(new Uint8Array(PROXY_V2_MAX_BYTES));
    const good = { address: '1.2.3.4', family: 4, port: 1 } as const;
    const header = new ProxyHeader();
    for (const [source, destination] of [
      [good, { ...good, address: 'localhost' }],
      [{ ...good, address: '' }, good],
    ] as const) {
      const length = writeProxyV2(memory, 0, { transport: 'stream', source, destination, checksum: true });
      expect(length).toBe(23);
      expect(parseProxyHeader(memory, 0, length, 'proxy', header)).toBe('ok');
      expect([header.kind, header.length]).toEqual(['unspecified', 23]);
    }
  });

  it('the longest PROXY header has the length it is said to have', () => {
    const memory = wireMemory(new Uint8Array(100));
    const source = { address: '2001:db8::1', family: 6, port: 1 } as const;
    const header = { transport: 'datagram', source, destination: source, checksum: true } as const;
    expect(writeProxyV2(memory, 0, header)).toBe(PROXY_V2_MAX_BYTES);
  });
});

describe('conv', () => {
  it('none that may be given out begins like a proxy header', () => {
    const memory = wireMemory(new Uint8Array(40));
    const header = new ProxyHeader();
    for (const conv of [0x584f5250, 0x0a0d0a0d, 0x1234ec56, 0xec56]) {
      memory.view.setUint32(0, conv, true);
      const results = (['proxy', 'spp'] as const).map((mode) => parseProxyHeader(memory, 0, 4, mode, header));
      expect(results).toContain('incomplete');
      expect(isAllocatableConv(conv)).toBe(false);
    }
  });
});
