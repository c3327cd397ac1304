import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { parseProxyHeader, ProxyHeader, type ProxyMode } from '../../../src/wire/proxy-header.ts';
import { PROXY_V2_ACCEPTED_BYTES, writeProxyV2 } from '../../../src/wire/proxy-v2.ts';
import { writeSpp } from '../../../src/wire/spp.ts';
import { checkDissection } from './check-dissection.ts';
import { randomDatagram } from './generate-datagram.ts';
import { mutated } from './mutate.ts';
import { LIMIT_MS, RUNS } from './runs.ts';

const port = fc.integer({ min: 0, max: 65_535 });
const ipv4: fc.Arbitrary<SocketAddress> = fc.record({ address: fc.ipV4(), family: fc.constant<4>(4), port });
// Only the canonical form of IPv6 text comes back, so these are written canonically.
const ipv6: fc.Arbitrary<SocketAddress> = fc.record({
  address: fc.constantFrom('::', '::1', '2001:db8::1', 'fe80::1:0:0:1', '1:2:3:4:5:6:7:8'),
  family: fc.constant<6>(6),
  port,
});
const address = fc.oneof(ipv4, ipv6);
const tlvs = fc
  .array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 0x20, 0xee), fc.uint8Array({ maxLength: 6 })), {
    maxLength: 4,
  })
  .map((each) => each.flatMap(([type, value]) => [type, 0, value.length, ...value]));

const v1 = fc.oneof(
  fc
    .tuple(fc.constantFrom('TCP4', 'TCP6', 'UDP4', 'UNKNOWN'), address, address)
    .map(([family, source, destination]) =>
      Buffer.from(
        `PROXY ${family} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`,
      ),
    ),
  fc.string({ unit: 'binary-ascii', maxLength: 110 }).map((text) => Buffer.from(`PROXY UNKNOWN ${text}\r\n`)),
);
const v2 = fc
  .record({
    transport: fc.constantFrom<'stream' | 'datagram'>('stream', 'datagram'),
    source: address,
    destination: address,
    checksum: fc.boolean(),
  })
  .chain((header) =>
    fc.tuple(fc.constant(header), tlvs, fc.constantFrom(0x20, 0x21), fc.constantFrom(-1, 0, 0x10, 0x31)),
  )
  .map(([header, extra, command, family]) => {
    const memory = wireMemory(new Uint8Array(100));
    const length = writeProxyV2(memory, 0, header);
    if (!header.checksum) {
      memory.bytes.set(extra, length);
      memory.view.setUint16(14, length - 16 + extra.length, false);
    }
    memory.bytes[12] = command;
    if (family >= 0) memory.bytes[13] = family;
    return memory.bytes.slice(0, header.checksum ? length : length + extra.length);
  });
const spp = fc.tuple(address, address).map(([client, proxy]) => {
  const memory = wireMemory(new Uint8Array(38));
  writeSpp(memory, 0, client, proxy);
  return memory.bytes;
});
const followed = (header: fc.Arbitrary<Uint8Array>) =>
  fc
    .tuple(header, fc.uint8Array({ maxLength: 40 }))
    .map(([bytes, rest]) => Uint8Array.from([...bytes, ...rest]));

const anyPrefix = fc.oneof(
  mutated(followed(v1)),
  mutated(followed(v2)),
  mutated(followed(spp)),
  randomDatagram,
);
const anyMode = fc.constantFrom<ProxyMode>('proxy', 'proxy', 'spp', 'off');

/** All that a header says, in an object of its own. */
function snapshot(header: ProxyHeader) {
  const { length, kind, transport } = header;
  if (kind !== 'proxied') return { length, kind };
  return {
    length,
    kind,
    transport,
    source: header.sourceAddress(),
    destination: header.destinationAddress(),
  };
}

describe('fuzz: PROXY and SPP headers', () => {
  it(
    'the parser takes any bytes at any place and reads nothing around them',
    () => {
      const used = new ProxyHeader();
      fc.assert(
        fc.property(anyPrefix, anyMode, fc.nat(20), (bytes, mode, at) => {
          const results = [0x00, 0xff].map((around) => {
            const all = new Uint8Array(at + bytes.length + 5000).fill(around);
            all.set(bytes, at);
            const result = parseProxyHeader(wireMemory(all), at, bytes.length, mode, used);
            return { result, ...snapshot(used) };
          });
          expect(results[1]).toEqual(results[0]);
          const fresh = new ProxyHeader();
          const result = parseProxyHeader(wireMemory(bytes), 0, bytes.length, mode, fresh);
          expect({ result, ...snapshot(fresh) }).toEqual(results[0]);
          expect(fresh.kind === 'none').toBe(result !== 'ok');
          if (result === 'ok') {
            expect(fresh.length).toBeGreaterThan(0);
            expect(fresh.length).toBeLessThanOrEqual(Math.min(bytes.length, PROXY_V2_ACCEPTED_BYTES));
          } else expect(fresh.length).toBe(0);
          checkDissection(bytes, { proxy: mode });
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'a stream that arrives byte by byte has the header that the whole has, and never another verdict before',
    () => {
      const header = new ProxyHeader();
      fc.assert(
        fc.property(anyPrefix, fc.constantFrom<ProxyMode>('proxy', 'spp'), (bytes, mode) => {
          const memory = wireMemory(bytes);
          const verdict = parseProxyHeader(memory, 0, bytes.length, mode, header);
          const whole = snapshot(header);
          const most = Math.min(bytes.length, 300);
          for (let known = 0; known < most; known++) {
            const result = parseProxyHeader(memory, 0, known, mode, header);
            // What the beginning decides is decided; until then it waits.
            if (result === 'incomplete') continue;
            expect(result).toBe(verdict);
            expect(snapshot(header)).toEqual(whole);
          }
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'what is written comes back',
    () => {
      const header = new ProxyHeader();
      const transports = fc.constantFrom<'stream' | 'datagram'>('stream', 'datagram');
      fc.assert(
        fc.property(
          transports,
          address,
          address,
          fc.boolean(),
          (transport, source, destination, checksum) => {
            const memory = wireMemory(new Uint8Array(200));
            const length = writeProxyV2(memory, 3, { transport, source, destination, checksum });
            expect(parseProxyHeader(memory, 3, length, 'proxy', header)).toBe('ok');
            expect(snapshot(header)).toEqual({ length, kind: 'proxied', transport, source, destination });
            const sppLength = writeSpp(memory, 5, source, destination);
            expect(parseProxyHeader(memory, 5, sppLength, 'spp', header)).toBe('ok');
            expect(snapshot(header)).toEqual({
              length: sppLength,
              kind: 'proxied',
              transport: 'datagram',
              source,
              destination,
            });
          },
        ),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
