import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import { parseProxyHeader, ProxyHeader, type ProxyMode } from '../../../src/wire/proxy-header.ts';
import { writeProxyV2 } from '../../../src/wire/proxy-v2.ts';
import { writeSpp } from '../../../src/wire/spp.ts';
import { AT, placed, written } from './placed.ts';
import { fromHex, loadVectors } from './vectors.ts';

interface ProxyVectors {
  readonly headers: readonly {
    name: string;
    mode: ProxyMode;
    kind: ProxyHeader['kind'];
    transport: ProxyHeader['transport'] | null;
    source: SocketAddress | null;
    destination: SocketAddress | null;
    hex: string;
    payload?: string;
    write?: boolean;
    checksum?: boolean;
  }[];
  readonly bad: readonly { name: string; mode: ProxyMode; fault: string; hex: string }[];
  readonly none: readonly { name: string; mode: ProxyMode; hex: string }[];
  readonly crc32c: readonly { name: string; hex: string; crc: number }[];
}

const vectors = loadVectors('proxy.json') as ProxyVectors;
/** One for all, as a carrier has it: what one header left must not show in the next. */
const header = new ProxyHeader();

describe('PROXY and SPP headers', () => {
  it.each(vectors.headers)(
    '$name: decodes',
    ({ mode, kind, transport, source, destination, hex, payload = '' }) => {
      const { memory, length } = placed(hex + payload);
      expect(parseProxyHeader(memory, AT, length, mode, header)).toBe('ok');
      expect(header.length).toBe(hex.length / 2);
      expect(header.kind).toBe(kind);
      if (source === null || destination === null) {
        expect([header.sourcePort, header.destinationPort]).toEqual([0, 0]);
        return;
      }
      expect(header.transport).toBe(transport);
      expect(header.sourceAddress()).toEqual(source);
      expect(header.destinationAddress()).toEqual(destination);
    },
  );

  it.each(vectors.headers)('$name: every proper beginning is incomplete', ({ mode, hex }) => {
    const { memory, length } = placed(hex);
    for (let known = 0; known < length; known++) {
      expect(parseProxyHeader(memory, AT, known, mode, header)).toBe('incomplete');
      expect([header.kind, header.length]).toEqual(['none', 0]);
    }
  });

  it.each(vectors.headers.filter(({ write }) => write === true))('$name: encodes', (vector) => {
    const { mode, source, destination, hex, checksum = false } = vector;
    const transport = vector.transport ?? 'datagram';
    const bytes = written((memory, at) =>
      mode === 'spp'
        ? writeSpp(memory, at, source!, destination!)
        : writeProxyV2(memory, at, { transport, source: source!, destination: destination!, checksum }),
    );
    expect(bytes).toBe(hex);
  });

  it.each(vectors.headers)('$name: is taken apart, with a datagram behind it', ({ mode, hex }) => {
    const push = '0403020151000004d2040000070000000500000003000000616263';
    const { kind, units, problems } = dissect(fromHex(hex + push), { proxy: mode });
    expect(kind).toBe('clear');
    expect(problems).toEqual([]);
    expect(units.map(({ name, offset }) => [name, offset])).toEqual([
      [mode === 'spp' ? 'SPP' : hex.startsWith('50') ? 'PROXY_V1' : 'PROXY_V2', 0],
      ['PUSH', hex.length / 2],
    ]);
    expect(dissect(fromHex(hex), { proxy: mode })).toMatchObject({ kind: 'empty', problems: [] });
  });
});

describe('what is no header', () => {
  it.each(vectors.bad)('$name: $fault', ({ mode, fault, hex }) => {
    const { memory, length } = placed(hex);
    expect(parseProxyHeader(memory, AT, length, mode, header)).toBe(fault);
    expect([header.kind, header.length]).toEqual(['none', 0]);
    const { kind, problems } = dissect(fromHex(hex), { proxy: mode });
    expect([kind, problems[0]?.code]).toEqual(['proxy_fault', fault]);
  });

  it.each(vectors.bad)('$name: no beginning of it is a header', ({ mode, hex }) => {
    const { memory, length } = placed(hex);
    for (let known = 0; known < length; known++) {
      expect(parseProxyHeader(memory, AT, known, mode, header)).not.toBe('ok');
    }
  });

  it.each(vectors.none)('$name', ({ mode, hex }) => {
    const { memory, length } = placed(hex);
    expect(parseProxyHeader(memory, AT, length, mode, header)).toBe('none');
    expect([header.kind, header.length]).toEqual(['none', 0]);
  });
});

describe('CRC-32C', () => {
  it.each(vectors.crc32c)('$name', ({ hex, crc }) => {
    const { memory, length } = placed(hex);
    expect(crc32c(memory.bytes, AT, length)).toBe(crc);
    const half = length >> 1;
    expect(crc32c(memory.bytes, AT + half, length - half, crc32c(memory.bytes, AT, half))).toBe(crc);
  });
});
