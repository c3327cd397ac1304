import { describe, expect, it, vi } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { ConnectionControl } from '../../../src/carrier/carrier.ts';
import { LineTable } from '../../support/line-table.ts';
import { RelayCarrier, type RelayOptions } from '../../../src/carrier/relay.ts';
import { isRelayAnswer, writeRelayHeader } from '../../../src/carrier/relay-header.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { parseProxyHeader, ProxyHeader } from '../../../src/wire/proxy-header.ts';
import { addressOfSlot, HandFedCarrier } from '../../support/hand-fed-carrier.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { bytesOf, client, client6, collect, joined, LINE, v1, v2, write } from './proxy-datagrams.ts';

const OWN_ID = 2;
/** Slots of the relay port. */
const GATEWAY_1 = 11;
const GATEWAY_9 = 19;
const STRANGER = 50;
/** Numbers of ports, and a client on each of them. */
const UDP_LINE = { number: 0 };
const TCP_LINE = { number: 1 };
const CLIENT = 5;

class ConnectedLine extends HandFedCarrier {
  override readonly localAddress: SocketAddress = { address: '192.0.2.1', family: 4, port: 4001 };
  queued = 0;
  readonly connections: ConnectionControl = {
    highWaterBytes: 1000,
    queuedBytes: () => this.queued,
    confirm: () => undefined,
    disconnect: () => undefined,
  };
}

interface Fixture {
  readonly inner: HandFedCarrier;
  readonly udp: HandFedCarrier;
  readonly tcp: ConnectedLine;
  readonly lines: LineTable;
  readonly clock: VirtualClock;
  readonly relay: RelayCarrier;
}

function create(options: Partial<RelayOptions> = {}, inner = new HandFedCarrier()): Fixture {
  const [udp, tcp, lines, clock] = [
    new HandFedCarrier(),
    new ConnectedLine(),
    new LineTable(),
    new VirtualClock(1000),
  ];
  lines.attach(UDP_LINE.number, udp);
  lines.attach(TCP_LINE.number, tcp);
  const peers = [
    { gatewayId: 1, address: addressOfSlot(GATEWAY_1) },
    { gatewayId: 9, address: addressOfSlot(GATEWAY_9) },
  ];
  const relay = new RelayCarrier(inner, { gatewayId: OWN_ID, peers, lines, clock, ...options });
  return { inner, udp, tcp, lines, clock, relay };
}

/** A datagram of a session of that gateway, 24 bytes and the text. */
function datagram(owner: number, text = ''): Uint8Array {
  const bytes = joined(new Uint8Array(24), bytesOf(text));
  new DataView(bytes.buffer).setUint32(0, (owner << 24) | 0x030201, true);
  bytes[4] = 0xa0;
  return bytes;
}

function answerHeader(
  line: SocketAddress,
  to: SocketAddress,
  transport: 'stream' | 'datagram' = 'datagram',
): Uint8Array {
  const memory = wireMemory(new Uint8Array(64));
  const header = { transport, source: line, destination: to, isAnswer: true };
  return memory.bytes.slice(0, writeRelayHeader(memory, 0, header));
}

/** Takes the header off what left for another gateway. */
function taken(bytes: Uint8Array): {
  source: SocketAddress;
  destination: SocketAddress;
  transport: string;
  isAnswer: boolean;
  rest: Uint8Array;
} {
  const memory = wireMemory(bytes);
  const header = new ProxyHeader();
  expect(parseProxyHeader(memory, 0, bytes.length, 'proxy', header)).toBe('ok');
  return {
    source: header.sourceAddress(),
    destination: header.destinationAddress(),
    transport: header.transport,
    isAnswer: isRelayAnswer(memory, 0, header.length),
    rest: bytes.slice(header.length),
  };
}

const dropsOf = (relay: RelayCarrier): Record<string, number> =>
  Object.fromEntries(Object.entries(relay.relayStats().drops).filter(([, count]) => count > 0));

/** Sends what a client on a line here sent on. */
const forward = (
  { relay }: Fixture,
  owner: number,
  port: { number: number },
  slot: number,
  bytes: Uint8Array,
): boolean => relay.forward(owner, port, slot, joined(bytesOf('..'), bytes), 2, bytes.length);

describe('a relay port', () => {
  describe('for sessions of this gateway', () => {
    it.each([
      ['IPv4', client(1), LINE],
      ['IPv6', client6(1), client6(2)],
      ['an IPv6 line with an IPv4 client', client(1), { address: '::', family: 6, port: 4000 }],
    ] as const)('is a carrier whose peers are clients on lines of others: %s', (_name, from, line) => {
      const { inner, relay } = create();
      const seen = collect(relay);
      const payload = datagram(OWN_ID, 'question');
      inner.feed({ slot: GATEWAY_1, bytes: joined(v2(from, line), payload), ecn: 1 });
      expect(seen).toMatchObject([{ from, ecn: 1 }]);
      const { slot } = seen[0]!;
      expect([relay.gatewayOf(slot), relay.lineOf(slot)]).toEqual([1, line]);
      const answer = datagram(OWN_ID, 'answer');
      write(relay, slot, answer);
      relay.flush();
      expect(inner.sent).toHaveLength(1);
      expect(inner.sent[0]!.slot).toBe(GATEWAY_1);
      expect(taken(inner.sent[0]!.bytes)).toEqual({
        source: line,
        destination: from,
        transport: 'datagram',
        isAnswer: true,
        rest: answer,
      });
      expect(relay.relayStats()).toMatchObject({ requests: 1, clients: 1 });
      expect(relay.capabilities).toMatchObject({
        maxDatagramBytes: 2048 - 56,
        reliable: false,
        ordered: false,
      });
    });

    it('tells clients apart by gateway, address, line and transport', () => {
      const { inner, relay } = create();
      const seen = collect(relay);
      const headers = [
        v2(client(1)),
        v2(client(2)),
        v2(client(1), { ...LINE, port: 4001 }),
        v2(client(1), LINE, 'stream'),
      ];
      for (let round = 0; round < 2; round++) {
        for (const slot of [GATEWAY_1, GATEWAY_9]) {
          inner.feed(...headers.map((header) => ({ slot, bytes: joined(header, datagram(OWN_ID)) })));
        }
      }
      const slots = seen.map(({ slot }) => slot);
      expect(new Set(slots).size).toBe(8);
      expect(slots.slice(8)).toEqual(slots.slice(0, 8));
    });

    it('keeps bytes where they are between commit and flush, and runs without a gap', () => {
      const { inner, relay } = create();
      const seen = collect(relay);
      inner.feed({ slot: GATEWAY_1, bytes: joined(v2(client(1)), datagram(OWN_ID)) });
      relay.arena.target = seen[0]!.slot;
      const places = [0, 1, 2].map(() => {
        const at = relay.arena.reserve(40);
        relay.arena.commit(30);
        return at;
      });
      for (const at of places) relay.arena.bytes.fill(0x2a, at, at + 30);
      relay.flush();
      expect(places.map((at) => at - places[0]!)).toEqual([0, 62, 124]);
      for (const { bytes } of inner.sent) expect(taken(bytes).rest).toEqual(new Uint8Array(30).fill(0x2a));
    });

    it('takes nothing for sessions of others, so that nothing is relayed twice', () => {
      const { inner, relay } = create();
      const seen = collect(relay);
      for (const owner of [0, 1, 9, 255]) {
        inner.feed({ slot: GATEWAY_1, bytes: joined(v2(client(1)), datagram(owner)) });
      }
      expect(seen).toEqual([]);
      expect(dropsOf(relay)).toEqual({ relay_not_owner: 4 });
      expect(relay.relayStats().clients).toBe(0);
    });

    it('a client that forges the address of a line here is a client, not an answer', () => {
      const fixture = create();
      const { inner, relay, udp } = fixture;
      const seen = collect(relay);
      inner.feed({ slot: GATEWAY_1, bytes: joined(v2(udp.localAddress, LINE), datagram(OWN_ID)) });
      expect(seen).toMatchObject([{ from: udp.localAddress }]);
      expect(udp.sent).toEqual([]);
    });

    it('keeps slots that are retained, and forgets the others in turn or after a time', () => {
      const { inner, relay, clock } = create({ maxClients: 2, ttlMs: 1000 });
      const seen = collect(relay);
      const hear = (number: number): void =>
        inner.feed({ slot: GATEWAY_1, bytes: joined(v2(client(number)), datagram(OWN_ID)) });
      hear(1);
      relay.retain(seen[0]!.slot);
      hear(2);
      hear(3);
      expect(() => relay.addressOf(seen[0]!.slot)).not.toThrow();
      expect(seen[2]!.slot).toBe(seen[1]!.slot);
      expect(relay.addressOf(seen[2]!.slot)).toEqual(client(3));
      relay.retain(seen[2]!.slot);
      hear(4);
      expect(dropsOf(relay)).toEqual({ relay_table_full: 1 });
      relay.release(seen[2]!.slot);
      clock.advance(1001);
      hear(1);
      expect(relay.relayStats().clients).toBe(1);
      expect(() => relay.addressOf(seen[2]!.slot)).toThrow(RangeError);
      // What is sent to a slot that is not in use is dropped and counted beneath.
      write(relay, seen[2]!.slot, bytesOf('late'));
      relay.flush();
      expect(inner.sendDrops).toBe(1);
    });

    it('holds new clients to a rate, not those known', () => {
      const { inner, relay, clock } = create({ newClientsPerSecond: 3 });
      const seen = collect(relay);
      const hear = (number: number): void =>
        inner.feed({ slot: GATEWAY_1, bytes: joined(v2(client(number)), datagram(OWN_ID)) });
      for (const number of [1, 2, 3, 4, 1, 2]) hear(number);
      expect(seen.map(({ from }) => from)).toEqual([1, 2, 3, 1, 2].map((number) => client(number)));
      expect(dropsOf(relay)).toEqual({ relay_rate_limit: 1 });
      clock.advance(1000);
      hear(4);
      expect(seen.at(-1)).toMatchObject({ from: client(4) });
    });
  });

  describe('for sessions of others', () => {
    it.each([
      [1, UDP_LINE, GATEWAY_1, 'datagram'],
      [9, TCP_LINE, GATEWAY_9, 'stream'],
    ] as const)(
      'sends what clients sent to the owner, %s: and nothing is asked twice',
      (owner, port, slot, transport) => {
        const fixture = create();
        const { inner, relay, lines, udp, tcp } = fixture;
        const line = port === UDP_LINE ? udp : tcp;
        line.retain(CLIENT);
        const clientOf = vi.spyOn(lines, 'clientOf');
        const payloads = ['one', 'two', 'three'].map((text) => datagram(owner, text));
        for (const payload of payloads) expect(forward(fixture, owner, port, CLIENT, payload)).toBe(true);
        relay.flush();
        expect(inner.sent.map(({ slot: to }) => to)).toEqual([slot, slot, slot]);
        expect(inner.sent.map(({ bytes }) => taken(bytes))).toEqual(
          payloads.map((rest) => ({
            source: addressOfSlot(CLIENT),
            destination: line.localAddress,
            transport,
            isAnswer: false,
            rest,
          })),
        );
        expect(clientOf).toHaveBeenCalledOnce();
        expect(relay.relayStats()).toMatchObject({ forwarded: 3, relayedClients: 1 });
      },
    );

    it.each([
      ['datagram', UDP_LINE],
      ['stream', TCP_LINE],
    ] as const)('sends answers out by the line they name: %s', (transport, port) => {
      const fixture = create();
      const { inner, relay, lines, udp, tcp } = fixture;
      const seen = collect(relay);
      const line = port === UDP_LINE ? udp : tcp;
      line.retain(CLIENT);
      forward(fixture, 1, port, CLIENT, datagram(1));
      const asked = [vi.spyOn(lines, 'portOf'), vi.spyOn(lines, 'intern')];
      const header = answerHeader(line.localAddress, addressOfSlot(CLIENT), transport);
      const payloads = ['one', 'two'].map((text) => datagram(1, text));
      inner.feed(...payloads.map((payload) => ({ slot: GATEWAY_1, bytes: joined(header, payload) })));
      expect(line.sent).toEqual(payloads.map((bytes) => ({ slot: CLIENT, bytes })));
      expect(line.flushes).toBe(1);
      expect(seen).toEqual([]);
      for (const ask of asked) expect(ask).not.toHaveBeenCalled();
      expect(relay.relayStats()).toMatchObject({ answered: 2, relayedClients: 1 });
    });

    it('answers reach clients that it has forgotten, or never knew', () => {
      const { inner, relay, lines, udp } = create();
      collect(relay);
      const intern = vi.spyOn(lines, 'intern');
      const header = answerHeader(udp.localAddress, addressOfSlot(CLIENT));
      for (let i = 0; i < 3; i++) inner.feed({ slot: GATEWAY_1, bytes: joined(header, datagram(1, 'late')) });
      expect(udp.sent).toEqual(Array(3).fill({ slot: CLIENT, bytes: datagram(1, 'late') }));
      expect(intern).toHaveBeenCalledOnce();
      expect(udp.retained).toEqual([CLIENT]);
    });

    it('an answer for another client on a slot that it knows is the better word on who is there', () => {
      const { inner, relay, lines, udp } = create();
      collect(relay);
      vi.spyOn(lines, 'intern').mockImplementation((port) => {
        lines.retain(port, CLIENT);
        return CLIENT;
      });
      for (const number of [1, 2, 1]) {
        const header = answerHeader(udp.localAddress, client(number));
        inner.feed({ slot: GATEWAY_1, bytes: joined(header, datagram(1)) });
      }
      expect(udp.sent).toHaveLength(3);
      expect(relay.relayStats().relayedClients).toBe(1);
      relay.forget(UDP_LINE, CLIENT);
      expect(udp.retained).toEqual([]);
    });

    it('drops answers for what is no line of its own, or no client it can reach', () => {
      const { inner, relay, udp, lines } = create();
      collect(relay);
      const feed = (header: Uint8Array): void =>
        inner.feed({ slot: GATEWAY_1, bytes: joined(header, datagram(1)) });
      feed(answerHeader(LINE, client(1)));
      feed(answerHeader(udp.localAddress, addressOfSlot(CLIENT), 'stream'));
      feed(answerHeader(udp.localAddress, client6(1)));
      expect(dropsOf(relay)).toEqual({ relay_unknown_line: 2, relay_unknown_client: 1 });
      feed(answerHeader(udp.localAddress, addressOfSlot(CLIENT)));
      lines.detach(UDP_LINE.number);
      feed(answerHeader(udp.localAddress, addressOfSlot(CLIENT)));
      expect(dropsOf(relay)).toMatchObject({ relay_unknown_line: 3 });
    });

    it('drops answers for a connection with more queued than it should have', () => {
      const { inner, relay, tcp } = create();
      collect(relay);
      const header = answerHeader(tcp.localAddress, addressOfSlot(CLIENT), 'stream');
      const answer = { slot: GATEWAY_1, bytes: joined(header, datagram(1)) };
      inner.feed(answer);
      tcp.queued = 1001;
      inner.feed(answer);
      tcp.queued = 1000;
      inner.feed(answer);
      expect(tcp.sent).toHaveLength(2);
      expect(dropsOf(relay)).toEqual({ relay_line_full: 1 });
    });

    it('answers that do not fit into the arena of the line at once are sent in parts', () => {
      const { inner, relay, udp } = create();
      collect(relay);
      const header = answerHeader(udp.localAddress, addressOfSlot(CLIENT));
      const answer = { slot: GATEWAY_1, bytes: joined(header, datagram(1, 'x'.repeat(1000))) };
      inner.feed(...Array<typeof answer>(100).fill(answer));
      expect(udp.sent).toHaveLength(100);
      expect(udp.flushes).toBe(2);
    });

    it('says when there is no room until the next flush, and takes it then', () => {
      const fixture = create({}, new HandFedCarrier({}, 100));
      const { inner, relay, udp } = fixture;
      udp.retain(CLIENT);
      expect(forward(fixture, 1, UDP_LINE, CLIENT, datagram(1, 'first'))).toBe(true);
      expect(forward(fixture, 1, UDP_LINE, CLIENT, datagram(1, 'second'))).toBe(false);
      expect(relay.isFull).toBe(true);
      relay.flush();
      expect(forward(fixture, 1, UDP_LINE, CLIENT, datagram(1, 'second'))).toBe(true);
      expect(relay.isFull).toBe(false);
      relay.flush();
      expect(inner.sent.map(({ bytes }) => taken(bytes).rest)).toEqual([
        datagram(1, 'first'),
        datagram(1, 'second'),
      ]);
      expect(dropsOf(relay)).toEqual({});
    });

    it('drops and counts what it cannot send on', () => {
      const fixture = create();
      const { relay, udp } = fixture;
      udp.retain(CLIENT);
      for (const owner of [0, OWN_ID, 7, 256, -1]) {
        expect(forward(fixture, owner, UDP_LINE, CLIENT, datagram(1))).toBe(false);
      }
      expect(forward(fixture, 1, { number: 5 }, CLIENT, datagram(1))).toBe(false);
      expect(forward(fixture, 1, UDP_LINE, 77, datagram(1))).toBe(false);
      expect(forward(fixture, 1, UDP_LINE, CLIENT, new Uint8Array(2048 - 27))).toBe(false);
      expect(forward(fixture, 1, UDP_LINE, CLIENT, new Uint8Array(2048 - 28))).toBe(true);
      expect(relay.isFull).toBe(false);
      expect(dropsOf(relay)).toEqual({
        relay_unknown_owner: 5,
        relay_unknown_client: 2,
        relay_oversize: 1,
      });
    });

    it('holds datagrams, and new clients, to a rate', () => {
      const fixture = create({ datagramsPerSecond: 5, newClientsPerSecond: 2 });
      const { relay, udp, clock } = fixture;
      for (const slot of [1, 2, 3]) udp.retain(slot);
      const taken = [1, 2, 3, 1, 1, 1, 1].map((slot) => forward(fixture, 1, UDP_LINE, slot, datagram(1)));
      expect(taken).toEqual([true, true, false, true, true, true, false]);
      expect(dropsOf(relay)).toEqual({ relay_rate_limit: 2 });
      clock.advance(1000);
      expect(forward(fixture, 1, UDP_LINE, 3, datagram(1))).toBe(true);
    });

    it('retains the slots of the clients it knows, a number of them and for a time', () => {
      const fixture = create({ maxClients: 2, ttlMs: 1000 });
      const { udp, relay, clock } = fixture;
      const from = (slot: number): void => {
        udp.retain(slot);
        expect(forward(fixture, 1, UDP_LINE, slot, datagram(1))).toBe(true);
        udp.release(slot);
        clock.advance(1);
      };
      for (const slot of [1, 2, 1, 3]) from(slot);
      expect(udp.retained).toEqual([1, 3]);
      clock.advance(999);
      from(3);
      expect(udp.retained).toEqual([3]);
      relay.forget(UDP_LINE, 3);
      relay.forget(UDP_LINE, 3);
      expect(udp.retained).toEqual([]);
      expect(relay.relayStats().relayedClients).toBe(0);
    });

    it('refuses one client more than it may know, within one millisecond', () => {
      const fixture = create({ maxClients: 2 });
      for (const slot of [1, 2, 3]) fixture.udp.retain(slot);
      expect([1, 2, 3].map((slot) => forward(fixture, 1, UDP_LINE, slot, datagram(1)))).toEqual([
        true,
        true,
        false,
      ]);
      expect(dropsOf(fixture.relay)).toEqual({ relay_table_full: 1 });
    });

    it('a client that came back on another slot is the same client', () => {
      const fixture = create();
      const { inner, relay, tcp } = fixture;
      collect(relay);
      vi.spyOn(tcp, 'addressOf').mockReturnValue(client(1));
      for (const slot of [1, 2]) {
        tcp.retain(slot);
        forward(fixture, 1, TCP_LINE, slot, datagram(1));
        tcp.release(slot);
      }
      expect(tcp.retained).toEqual([2]);
      const header = answerHeader(tcp.localAddress, client(1), 'stream');
      inner.feed({ slot: GATEWAY_1, bytes: joined(header, datagram(1)) });
      expect(tcp.sent).toMatchObject([{ slot: 2 }]);
    });
  });

  it('takes nothing from strangers, and asks nobody who they are', () => {
    const { inner, relay, udp } = create();
    const seen = collect(relay);
    const addressOf = vi.spyOn(inner, 'addressOf');
    const request = joined(v2(client(1)), datagram(OWN_ID));
    const answer = joined(answerHeader(udp.localAddress, addressOfSlot(CLIENT)), datagram(1));
    inner.feed(
      { slot: STRANGER, bytes: request },
      { slot: STRANGER, bytes: answer },
      { slot: 0, bytes: request },
    );
    inner.feed({ slot: STRANGER, bytes: joined(request, request), segmentSize: request.length });
    expect([seen, udp.sent]).toEqual([[], []]);
    expect(dropsOf(relay)).toEqual({ relay_unknown_peer: 5 });
    expect(addressOf).not.toHaveBeenCalled();
  });

  it('drops and counts what is not a datagram behind a header', () => {
    const { inner, relay } = create();
    const seen = collect(relay);
    const payload = datagram(OWN_ID);
    const bad = [
      payload,
      new Uint8Array(0),
      joined(v1(client(1)), payload),
      v2(client(1)).slice(0, 20),
      joined(
        Uint8Array.from(v2(client(1)), (byte, i) => (i === 12 ? 0x20 : byte)),
        payload,
      ),
      joined(
        Uint8Array.from(v2(client(1)), (byte, i) => (i === 13 ? 0x31 : byte)),
        payload,
      ),
    ];
    inner.feed(...bad.map((bytes) => ({ slot: GATEWAY_1, bytes })));
    const short = [v2(client(1)), joined(v2(client(1)), bytesOf('abc'))];
    inner.feed(...short.map((bytes) => ({ slot: GATEWAY_1, bytes })));
    expect(seen).toEqual([]);
    expect(dropsOf(relay)).toEqual({ relay_bad_header: 6, relay_too_short: 2 });
  });

  it('takes datagrams apart that came glued together, in as many batches as it takes', () => {
    const { inner, relay, udp } = create({}, new HandFedCarrier({ maxBatch: 4 }));
    const seen = collect(relay);
    const request = joined(v2(client(1)), datagram(OWN_ID, 'abcd'));
    const answer = joined(answerHeader(udp.localAddress, addressOfSlot(CLIENT)), datagram(1));
    expect(answer.length).toBe(request.length);
    const glued = joined(request, answer, request, request, request, request, answer, request.slice(0, -1));
    inner.feed({ slot: GATEWAY_1, bytes: glued, segmentSize: request.length });
    expect(seen).toHaveLength(6);
    expect(udp.sent).toHaveLength(2);
  });

  it('survives a callback that throws: the answers of the batch leave all the same', () => {
    const { inner, relay, udp } = create();
    relay.start(() => {
      throw new Error('a fault of the upper layer');
    });
    const header = answerHeader(udp.localAddress, addressOfSlot(CLIENT));
    expect(() => {
      inner.feed(
        { slot: GATEWAY_1, bytes: joined(header, datagram(1)) },
        { slot: GATEWAY_1, bytes: joined(v2(client(1)), datagram(OWN_ID)) },
      );
    }).toThrow('a fault of the upper layer');
    expect(udp.sent).toHaveLength(1);
  });

  it('cannot be made with a peer that it cannot reach', () => {
    const peers = [{ gatewayId: 1, address: client6(1) }];
    expect(() => create({ peers })).toThrow(expect.objectContaining({ code: 'connect_failed' }));
  });

  it('reaches nobody by address, and closes what is beneath', async () => {
    const { inner, relay } = create();
    expect(relay.intern(client(1))).toBe(-1);
    await relay.close();
    expect(inner.isClosed).toBe(true);
  });
});
