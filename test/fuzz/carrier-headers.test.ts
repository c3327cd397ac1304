import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Carrier } from '../../src/carrier/carrier.ts';
import { LineTable } from '../support/line-table.ts';
import { proxiedCarrier } from '../../src/carrier/proxied.ts';
import { RelayCarrier } from '../../src/carrier/relay.ts';
import { writeRelayHeader } from '../../src/carrier/relay-header.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { datagramsOf } from '../contract/received.ts';
import { addressOfSlot, HandFedCarrier, type FedRow } from '../support/hand-fed-carrier.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { bytesOf, client, client6, joined, LINE, spp, v1, v2 } from '../unit/carrier/proxy-datagrams.ts';

/** How often each property runs; set KCPGATE_FUZZ_RUNS for a longer hunt. */
const RUNS = Math.ceil(Number(process.env.KCPGATE_FUZZ_RUNS ?? 5000) / 10);
const LIMIT_MS = 60_000 + RUNS * 50;

const FEW = 4;
const MAX_CLIENTS = 3;
const TTL_MS = 1000;
/** From here on slots are those of peers that are neither proxies nor gateways. */
const STRANGERS = 4;

const anyClient = fc.oneof(
  fc.integer({ min: 1, max: FEW }).map((number) => client(number)),
  fc.integer({ min: 1, max: FEW }).map((number) => client6(number)),
);

const line = new HandFedCarrier().localAddress;

function relayHeader(number: number, isAnswer: boolean): Uint8Array {
  const memory = wireMemory(new Uint8Array(64));
  const header = {
    transport: 'datagram',
    source: line,
    destination: addressOfSlot(number),
    isAnswer,
  } as const;
  return memory.bytes.slice(0, writeRelayHeader(memory, 0, header));
}

const header = fc.oneof(
  anyClient.map((from) => v1(from, from)),
  anyClient.map((from) => v2(from)),
  anyClient.map((from) => v2(from, LINE, 'stream')),
  anyClient.map((from) => spp(from)),
  fc
    .tuple(fc.integer({ min: 0, max: FEW }), fc.boolean())
    .map(([number, isAnswer]) => relayHeader(number, isAnswer)),
  fc.constant(bytesOf('PROXY UNKNOWN\r\n')),
  fc.constant(new Uint8Array(0)),
);

/** A header, whole, cut off or with some bytes changed, in front of anything. */
const datagram = fc
  .tuple(
    header,
    fc.uint8Array({ maxLength: 40 }),
    fc.option(fc.nat(110), { freq: 6 }),
    fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 2 }),
    fc.boolean(),
    fc.constantFrom(0, 1, 2),
  )
  .map(([front, rest, cut, changes, isChanged, owner]) => {
    if (rest.length > 3) rest[3] = owner;
    const whole = joined(front, rest);
    if (isChanged) for (const [at, value] of changes) if (at < whole.length) whole[at] = value;
    return cut === null ? whole : whole.slice(0, cut);
  });

const row: fc.Arbitrary<FedRow> = fc
  .tuple(
    fc.integer({ min: 0, max: 2 * STRANGERS - 1 }),
    fc.array(datagram, { minLength: 1, maxLength: 4 }),
    fc.nat(80),
  )
  .map(([slot, datagrams, segmentSize]) => {
    const [first] = datagrams;
    if (datagrams.length === 1) return { slot, bytes: first! };
    return { slot, bytes: joined(...datagrams), segmentSize: segmentSize < 2 ? 0 : segmentSize };
  });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.array(row, { maxLength: 8 }).map((rows) => ({ rows })) },
  { weight: 2, arbitrary: fc.nat(TTL_MS * 2).map((pauseMs) => ({ pauseMs })) },
  { weight: 3, arbitrary: fc.nat(20).map((retained) => ({ retained })) },
  { weight: 3, arbitrary: fc.nat(20).map((released) => ({ released })) },
);
type Step = { rows: FedRow[] } | { pauseMs: number } | { retained: number } | { released: number };

const countOf = ({ bytes, segmentSize = 0 }: FedRow): number =>
  segmentSize === 0 ? 1 : Math.max(1, Math.ceil(bytes.length / segmentSize));

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

function answer(carrier: Carrier, slot: number, bytes: Uint8Array): void {
  carrier.arena.target = slot;
  let at = carrier.arena.reserve(bytes.length);
  if (at < 0) {
    carrier.flush();
    at = carrier.arena.reserve(bytes.length);
  }
  carrier.arena.bytes.set(bytes, at);
  carrier.arena.commit(bytes.length);
}

describe('fuzz: headers in front of datagrams', () => {
  it.each(['proxy', 'spp'] as const)(
    'a carrier behind proxies takes any bytes, counts every datagram and holds no more than it may (%s)',
    (mode) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
          const inner = new HandFedCarrier({ maxBatch: 8 });
          const clock = new VirtualClock();
          const carrier = proxiedCarrier(inner, {
            mode,
            isTrusted: (address) => Number(address.split('.')[3]) < STRANGERS,
            clock,
            echoSpp: true,
            maxMappings: MAX_CLIENTS,
            ttlMs: TTL_MS,
          });
          const retained: number[] = [];
          const named: number[] = [];
          let [fed, delivered] = [0, 0];
          let inputs: readonly FedRow[] = [];
          carrier.start((batch) => {
            expect(batch.count).toBeLessThanOrEqual(8);
            named.length = 0;
            for (const { bytes, slot } of datagramsOf(batch)) {
              delivered++;
              named.push(slot);
              carrier.addressOf(slot);
              const proxy = carrier.proxyOf(slot);
              if (proxy !== undefined) expect(Number(proxy.address.split('.')[3])).toBeLessThan(STRANGERS);
              // What comes out is the end of something that went in.
              const text = String(bytes);
              expect(inputs.some((input) => `,${String(input.bytes)},`.includes(`,${text},`))).toBe(true);
              answer(carrier, slot, bytes);
            }
            if (named.length > 0 && named[0]! % 3 === 0) {
              carrier.retain(named[0]!);
              carrier.release(named[0]!);
            }
          });
          const runStep = (next: Step): void => {
            if ('pauseMs' in next) return clock.advance(next.pauseMs);
            if ('rows' in next) {
              inputs = next.rows;
              fed += next.rows.reduce((total, each) => total + countOf(each), 0);
              inner.feed(...next.rows);
              return;
            }
            if ('released' in next) {
              const [slot] = retained.splice(next.released % Math.max(1, retained.length), 1);
              if (slot !== undefined) carrier.release(slot);
            }
          };
          for (const next of steps) {
            runStep(next);
            if ('retained' in next && named.length > 0) {
              // Only what is still in use can be retained: the others are unknown numbers by now.
              const slot = named[next.retained % named.length]!;
              if (carrier.proxyOf(slot) !== undefined) {
                carrier.retain(slot);
                retained.push(slot);
              }
            }
            const { clients, headersAlone, drops } = carrier.proxyStats();
            expect(clients).toBeLessThanOrEqual(MAX_CLIENTS);
            expect(inner.retained.length).toBeLessThanOrEqual(MAX_CLIENTS);
            expect(delivered + headersAlone + sum(drops)).toBe(fed);
            for (const slot of retained) expect(() => carrier.addressOf(slot)).not.toThrow();
          }
          for (const slot of retained) carrier.release(slot);
          clock.advance(TTL_MS + 1);
          inner.feed();
          inner.feed();
          expect(carrier.proxyStats().clients).toBe(0);
          expect(inner.retained).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );

  it(
    'a relay takes any bytes, counts every datagram and holds no more than it may',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
          const [inner, lineCarrier] = [
            new HandFedCarrier({ maxBatch: 8 }),
            new HandFedCarrier({ maxBatch: 4 }),
          ];
          const clock = new VirtualClock();
          const lines = new LineTable();
          lines.attach(0, lineCarrier);
          const peers = Array.from({ length: STRANGERS }, (_, slot) => ({
            gatewayId: slot + 2,
            address: addressOfSlot(slot),
          }));
          const relay = new RelayCarrier(inner, {
            gatewayId: 1,
            peers,
            lines,
            clock,
            maxClients: MAX_CLIENTS,
            ttlMs: TTL_MS,
          });
          const retained: number[] = [];
          let named: number[] = [];
          let [fed, delivered, asked, longest] = [0, 0, 0, 0];
          relay.start((batch) => {
            named = [];
            for (const { bytes, slot } of datagramsOf(batch)) {
              delivered++;
              named.push(slot);
              expect(bytes[3]).toBe(1);
              relay.addressOf(slot);
              answer(relay, slot, bytes);
            }
          });
          for (const next of steps) {
            if ('pauseMs' in next) clock.advance(next.pauseMs);
            if ('rows' in next) {
              fed += next.rows.reduce((total, each) => total + countOf(each), 0);
              longest = Math.max(longest, ...next.rows.map(({ bytes }) => bytes.length));
              inner.feed(...next.rows);
              lineCarrier.start(({ bytes, meta }) => {
                asked++;
                relay.forward((meta[3]! % 6) + 1, { number: 0 }, meta[3]!, bytes, 0, bytes.length);
              });
              for (const each of next.rows.slice(0, 3)) lineCarrier.feed(each);
              relay.flush();
            }
            if ('retained' in next && named.length > 0) {
              const slot = named[next.retained % named.length]!;
              relay.retain(slot);
              retained.push(slot);
            }
            if ('released' in next) {
              const [slot] = retained.splice(next.released % Math.max(1, retained.length), 1);
              if (slot !== undefined) relay.release(slot);
            }
            const { requests, answered, forwarded, drops, clients, relayedClients } = relay.relayStats();
            expect(Math.max(clients, relayedClients)).toBeLessThanOrEqual(MAX_CLIENTS);
            expect(lineCarrier.retained.length).toBeLessThanOrEqual(MAX_CLIENTS);
            expect(requests).toBe(delivered);
            expect(requests + answered + forwarded + sum(drops)).toBe(fed + asked);
          }
          // With its header a datagram is longer than it came by no more than that.
          for (const { bytes } of inner.sent) expect(bytes.length).toBeLessThanOrEqual(longest + 56);
          for (const { bytes } of lineCarrier.sent) expect(bytes.length).toBeLessThan(longest);
          for (const slot of retained) relay.release(slot);
          clock.advance(TTL_MS + 1);
          inner.feed();
          inner.feed();
          expect(relay.relayStats()).toMatchObject({ clients: 0, relayedClients: 0 });
          expect(lineCarrier.retained).toEqual([]);
          expect(inner.retained).toEqual([0, 1, 2, 3]);
        }),
        { numRuns: RUNS },
      );
    },
    LIMIT_MS,
  );
});
