import { afterEach, describe, expect, it } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { META_ADDRESS, type Carrier } from '../../src/carrier/carrier.ts';
import type { ClientCarrier } from '../../src/carrier/node/client-carrier.ts';
import type {
  ConnectionOptions,
  ConnectionServerOptions,
} from '../../src/carrier/node/connection-options.ts';
import type { ConnectionServer, CreateConnectionServer } from './connection-servers.ts';
import { untilTrue } from './loopback.ts';
import { datagramsOf } from './received.ts';

/**
 * What every carrier of connections promises besides, whatever the connections are.
 * @param clientWaits a client that was not started does not read.
 */
export function describeConnections(
  name: string,
  createServer: CreateConnectionServer,
  clientWaits = true,
): void {
  describe(`connections: ${name}`, () => {
    const opened: { close(): Promise<void> }[] = [];

    const serve = async (options: ConnectionServerOptions = {}): Promise<ConnectionServer> => {
      const server = await createServer({ lingerMs: 200, ...options });
      opened.push(server.carrier, server);
      return server;
    };
    const connect = async (
      server: ConnectionServer,
      options: ConnectionOptions = {},
    ): Promise<ClientCarrier> => {
      const client = await server.connect({ lingerMs: 200, ...options });
      opened.push(client);
      return client;
    };

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
    });

    it('reaches the peer of a connection and nobody else', async () => {
      const server = await serve();
      const client = await connect(server);
      const far = new Watched(server.carrier);
      expect(client.capabilities).toMatchObject({ reliable: true, ordered: true, segmentation: false });
      expect(client.intern(client.remoteAddress)).toBe(0);
      expect(client.intern({ ...client.remoteAddress, port: 9 })).toBe(-1);
      const slot = await far.meet(client);
      expect(server.carrier.addressOf(slot)).toEqual(client.localAddress);
      expect(server.carrier.intern({ ...client.localAddress, port: 9 })).toBe(-1);
      expect(client.connections?.queuedBytes(999)).toBe(0);
    });

    it('tells once when the peer is gone; the slot stands for its address until it is released', async () => {
      const server = await serve();
      const { carrier } = server;
      const client = await connect(server);
      const far = new Watched(carrier);
      const slot = await far.meet(client);
      carrier.retain(slot);
      await client.close();
      await untilTrue(() => far.gone.length === 1);
      expect(far.gone).toEqual([slot]);
      expect(carrier.addressOf(slot)).toEqual(client.localAddress);
      expect(carrier.intern(client.localAddress)).toBe(-1);
      expect(carrier.connections?.queuedBytes(slot)).toBe(0);
      write(carrier, slot, bytesOf('too late'));
      carrier.flush();
      expect(carrier.stats().sendDrops).toBe(1);
      carrier.connections?.confirm(slot);
      carrier.connections?.disconnect(slot, CloseCode.normal, '');
      carrier.release(slot);
      expect(() => carrier.addressOf(slot)).toThrow(RangeError);
      expect(carrier.stats().connections).toMatchObject({ opened: 1, open: 0 });
      expect(carrier.stats().connections?.closed.peer_closed).toBe(1);
    });

    it('gives a slot to another connection when it was released, and not before', async () => {
      const server = await serve();
      const far = new Watched(server.carrier);
      const first = await connect(server);
      const firstSlot = await far.meet(first);
      server.carrier.retain(firstSlot);
      await first.close();
      await untilTrue(() => far.gone.length === 1);
      const second = await connect(server);
      expect(await far.meet(second)).not.toBe(firstSlot);
      server.carrier.release(firstSlot);
      const third = await connect(server);
      expect(await far.meet(third)).toBe(firstSlot);
      expect(server.carrier.addressOf(firstSlot)).toEqual(third.localAddress);
    });

    it('ends a connection after everything that was flushed, and what is in the arena', async () => {
      const server = await serve({ maxDatagramBytes: 60_000, lingerMs: AS_LONG_AS_IT_TAKES_MS });
      const client = await connect(server, { maxDatagramBytes: 60_000 });
      const far = new Watched(server.carrier);
      const near = new Watched(client);
      const slot = await far.meet(client);
      for (let i = 0; i < 8; i++) {
        write(server.carrier, slot, new Uint8Array(60_000).fill(i));
        if (i % 2 === 1) server.carrier.flush();
      }
      write(server.carrier, slot, bytesOf('farewell'));
      server.carrier.connections?.disconnect(slot, CloseCode.kicked, 'not any more');
      server.carrier.connections?.disconnect(slot, CloseCode.normal, 'twice');
      server.carrier.flush();
      write(server.carrier, slot, bytesOf('never'));
      server.carrier.flush();
      await untilTrue(() => near.gone.length === 1);
      expect(near.datagrams.map((bytes) => bytes.length)).toEqual([...Array<number>(8).fill(60_000), 8]);
      expect(near.datagrams[6]?.every((byte) => byte === 6)).toBe(true);
      await untilTrue(() => server.carrier.stats().connections?.open === 0);
      expect(far.gone).toEqual([]);
      expect(server.carrier.stats().sendDrops).toBe(1);
      expect(server.carrier.stats().connections?.closed.disconnected).toBe(1);
    });

    it('delivers nothing of a connection that it was told to end', async () => {
      const server = await serve();
      const client = await connect(server);
      const seen: number[] = [];
      server.carrier.start((batch) => {
        seen.push(...datagramsOf(batch).map(({ bytes }) => bytes[0]!));
        server.carrier.connections?.disconnect(batch.meta[META_ADDRESS]!, CloseCode.blocked, '');
      });
      client.start(() => undefined);
      write(client, 0, Uint8Array.of(1));
      client.flush();
      await untilTrue(() => seen.length > 0);
      for (let i = 2; i < 50; i++) {
        write(client, 0, Uint8Array.of(i));
        client.flush();
      }
      await untilTrue(() => server.carrier.stats().connections?.open === 0);
      expect(seen).toEqual([1]);
    });

    it('reads nothing of a connection that is paused, until it goes on; nothing is lost', async () => {
      const server = await serve({ maxDatagramBytes: 60_000 });
      const client = await connect(server, { maxDatagramBytes: 60_000, maxQueueBytes: 1 << 30 });
      const other = await connect(server);
      const far = new Watched(server.carrier);
      const { connections } = server.carrier;
      const slot = await far.meet(client);
      const otherSlot = await far.meet(other);
      far.datagrams.length = far.slots.length = 0;
      connections?.pause?.(slot);
      for (let i = 0; i < 400; i++) {
        write(client, 0, new Uint8Array(60_000).fill(i));
        client.flush();
      }
      for (let i = 0; i < 50; i++) {
        write(other, 0, Uint8Array.of(i));
        other.flush();
        await untilTrue(() => far.slots.filter((from) => from === otherSlot).length === i + 1);
      }
      expect(far.slots.filter((from) => from === slot)).toEqual([]);
      expect(client.connections?.queuedBytes(0)).toBeGreaterThan(0);
      connections?.resume?.(slot);
      await untilTrue(() => far.slots.filter((from) => from === slot).length === 400);
      const firsts = far.datagrams.filter(({ length }) => length === 60_000).map((bytes) => bytes[0]);
      expect(firsts).toEqual(Array.from({ length: 400 }, (_, i) => i & 255));

      // Nobody need go on for it to end.
      const near = new Watched(client);
      connections?.pause?.(slot);
      connections?.disconnect(slot, CloseCode.normal, '');
      connections?.resume?.(slot);
      connections?.pause?.(999);
      await untilTrue(() => near.gone.length === 1);
    });

    it.runIf(clientWaits)(
      'says how much is queued, and when there is room again; nothing is dropped',
      async () => {
        const highWaterBytes = 64 * 1024;
        const server = await serve({ highWaterBytes, maxDatagramBytes: 60_000, maxQueueBytes: 1 << 30 });
        const client = await connect(server, { maxDatagramBytes: 60_000 });
        const { carrier } = server;
        const { connections } = carrier;
        const far = new Watched(carrier);
        // The client does not read yet.
        write(client, 0, bytesOf('here'));
        client.flush();
        await untilTrue(() => far.slots.length === 1);
        const slot = far.slots[0]!;
        let sent = 0;
        while (connections!.queuedBytes(slot) <= highWaterBytes && sent < 10_000) {
          write(carrier, slot, new Uint8Array(60_000).fill(sent++));
          carrier.flush();
          if (sent % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        expect(connections!.queuedBytes(slot)).toBeGreaterThan(highWaterBytes);
        expect(far.writable).toEqual([]);
        const near = new Watched(client);
        await untilTrue(() => near.datagrams.length === sent && far.writable.length > 0);
        expect(far.writable).toEqual([slot]);
        expect(connections!.queuedBytes(slot)).toBeLessThan(highWaterBytes / 2);
        expect(
          near.datagrams.every((bytes, i) => bytes[0] === (i & 255) && bytes[59_999] === (i & 255)),
        ).toBe(true);
        expect(carrier.stats().sendDrops).toBe(0);
      },
    );

    it.runIf(clientWaits)(
      'resets a connection that does not take what it is sent, and tells so later',
      async () => {
        const server = await serve({ maxQueueBytes: 1024 * 1024, maxDatagramBytes: 60_000 });
        const client = await connect(server);
        const { carrier } = server;
        const far = new Watched(carrier);
        write(client, 0, bytesOf('here'));
        client.flush();
        await untilTrue(() => far.slots.length === 1);
        const slot = far.slots[0]!;
        carrier.retain(slot);
        let most = 0;
        for (let i = 0; i < 10_000 && carrier.stats().sendDrops === 0; i++) {
          write(carrier, slot, new Uint8Array(60_000));
          carrier.flush();
          most = Math.max(most, carrier.connections!.queuedBytes(slot));
          expect(far.gone).toEqual([]);
          if (i % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
        }
        expect(most).toBeLessThanOrEqual(1024 * 1024 + 1000);
        await untilTrue(() => far.gone.length === 1);
        expect(carrier.stats().connections?.closed.slow_consumer).toBe(1);
        expect(carrier.stats().connections?.open).toBe(0);
        carrier.release(slot);
      },
    );

    it('closes what is not confirmed in time, whatever it sends', async () => {
      const server = await serve({ firstDatagramTimeoutMs: 250 });
      const { carrier } = server;
      const far = new Watched(carrier);
      // First, so that its time is over when that of the others is.
      const confirmed = await connect(server);
      const confirmedNear = new Watched(confirmed);
      carrier.connections?.confirm(await far.meet(confirmed));
      const silent = new Watched(await connect(server));
      const talking = await connect(server);
      const talkingNear = new Watched(talking);
      await untilTrue(() => {
        if (talkingNear.gone.length === 0) write(talking, 0, bytesOf('of no use'));
        talking.flush();
        return silent.gone.length === 1 && talkingNear.gone.length === 1;
      });
      expect(carrier.stats().connections?.closed.first_datagram_timeout).toBe(2);
      expect(confirmedNear.gone).toEqual([]);
      expect(far.gone.length).toBe(2);
    });

    it('takes so many connections and no more, in all and from one source', async () => {
      const server = await serve({ maxConnections: 3 });
      const far = new Watched(server.carrier);
      const clients = [await connect(server), await connect(server), await connect(server)];
      await far.meet(clients[0]!);
      await refused(server);
      await untilTrue(() => server.carrier.stats().connections?.refused.connection_limit === 1);
      await clients[0]!.close();
      await untilTrue(() => server.carrier.stats().connections?.open === 2);
      await far.meet(await connect(server));

      const fair = await serve({ maxConnectionsPerSource: 1 });
      const client = await connect(fair);
      await refused(fair);
      await untilTrue(() => fair.carrier.stats().connections?.refused.source_limit === 1);
      new Watched(fair.carrier);
      await client.close();
      await untilTrue(() => fair.carrier.stats().connections?.open === 0);
      await connect(fair);
    });

    it('carries the longest datagrams, alone and many at once, both ways', async () => {
      const maxDatagramBytes = 65_507;
      const server = await serve({ maxDatagramBytes });
      const client = await connect(server, { maxDatagramBytes });
      const far = new Watched(server.carrier);
      const near = new Watched(client);
      const slot = await far.meet(client);
      far.datagrams.length = 0;
      for (let i = 0; i < 12; i++) {
        const datagram = new Uint8Array(maxDatagramBytes - (i % 3)).map((_, at) => (at * 7 + i) & 255);
        for (const [from, to] of [
          [client, 0],
          [server.carrier, slot],
        ] as const) {
          while (from.arena.reserve(datagram.length) < 0) from.flush();
          write(from, to, datagram);
        }
      }
      client.flush();
      server.carrier.flush();
      await untilTrue(() => far.datagrams.length === 12 && near.datagrams.length === 12);
      const expected = Array.from({ length: 12 }, (_, i) =>
        new Uint8Array(maxDatagramBytes - (i % 3)).map((__, at) => (at * 7 + i) & 255),
      );
      expect(far.datagrams.map((bytes, i) => Buffer.compare(bytes, expected[i]!))).toEqual(Array(12).fill(0));
      expect(near.datagrams.map((bytes, i) => Buffer.compare(bytes, expected[i]!))).toEqual(
        Array(12).fill(0),
      );
    });

    it('sends to many connections in one flush, each what is meant for it', async () => {
      const server = await serve();
      const far = new Watched(server.carrier);
      const clients = [await connect(server), await connect(server), await connect(server)];
      const nears = clients.map((client) => new Watched(client));
      const slots: number[] = [];
      for (const client of clients) slots.push(await far.meet(client));
      for (let i = 0; i < 300; i++)
        write(server.carrier, slots[(i * i) % 3]!, Uint8Array.of(i & 255, i >> 8));
      server.carrier.flush();
      // The arena is used again at once.
      for (let i = 0; i < 300; i++) write(server.carrier, 999, Uint8Array.of(9, 9));
      server.carrier.flush();
      await untilTrue(() => nears.reduce((sum, { datagrams }) => sum + datagrams.length, 0) === 300);
      nears.forEach(({ datagrams }, which) => {
        const own = Array.from({ length: 300 }, (_, i) => i).filter((i) => (i * i) % 3 === which);
        expect(datagrams.map((bytes) => bytes[0]! | (bytes[1]! << 8))).toEqual(own);
      });
    });

    it('hands over the last datagrams when it is closed, and tells nobody of its own connections', async () => {
      const server = await serve({ lingerMs: AS_LONG_AS_IT_TAKES_MS });
      const client = await connect(server);
      const far = new Watched(server.carrier);
      const near = new Watched(client);
      const slot = await far.meet(client);
      write(server.carrier, slot, bytesOf('the gateway is closing'));
      server.carrier.flush();
      await server.carrier.close();
      await untilTrue(() => near.gone.length === 1);
      expect(near.datagrams.map(textOf)).toEqual(['the gateway is closing']);
      expect(far.gone).toEqual([]);
      expect(server.carrier.stats().connections?.open).toBe(0);
      await refused(server);
    });

    it('tells after the start of a connection that went before', async () => {
      const server = await serve();
      const client = await connect(server);
      await untilTrue(() => server.carrier.stats().connections?.open === 1);
      await server.carrier.close();
      const near = new Watched(client);
      expect(near.gone).toEqual([]);
      await untilTrue(() => near.gone.length === 1);
      expect(client.intern(client.remoteAddress)).toBe(-1);
    });

    it('survives event callbacks that throw', async () => {
      const server = await serve();
      const client = await connect(server);
      let told = 0;
      server.carrier.start(() => undefined, {
        disconnected: () => {
          told++;
          throw new Error('a fault of the upper layer');
        },
      });
      await client.close();
      await untilTrue(() => told === 1);
      await connect(server);
      await untilTrue(() => server.carrier.stats().connections?.opened === 2);
    });

    it('gives up connecting: at once, when it takes too long, and when nobody is there', async () => {
      const server = await serve();
      await server.carrier.close();
      await refused(server);
      await server.close();
      await expect(server.connect()).rejects.toMatchObject({ code: 'connect_failed' });
    });

    /** A connection that is turned away is made and ended, or not even made. */
    async function refused(server: ConnectionServer): Promise<void> {
      const client = await server.connect({ lingerMs: 200 }).catch(() => undefined);
      if (client === undefined) return;
      opened.push(client);
      const near = new Watched(client);
      await untilTrue(() => near.gone.length === 1);
    }
  });
}

/** Where everything is to arrive before a connection is reset, and the other end reads. */
const AS_LONG_AS_IT_TAKES_MS = 20_000;

/** A carrier that was started, with copies of what it told. */
class Watched {
  readonly datagrams: Uint8Array[] = [];
  /** The slot of each. */
  readonly slots: number[] = [];
  readonly gone: number[] = [];
  readonly writable: number[] = [];
  readonly #carrier: Carrier;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
    carrier.start(
      (batch) => {
        for (const { bytes, slot } of datagramsOf(batch)) {
          this.datagrams.push(bytes);
          this.slots.push(slot);
        }
      },
      {
        disconnected: (slot) => this.gone.push(slot),
        writable: (slot) => this.writable.push(slot),
      },
    );
  }

  /** Has a client say something, and gives the slot it came from. */
  async meet(client: Carrier): Promise<number> {
    const before = this.datagrams.length;
    write(client, 0, bytesOf('hello'));
    client.flush();
    await untilTrue(() => this.datagrams.length > before);
    const slot = this.slots[before]!;
    expect(this.#carrier.addressOf(slot)).toEqual(client.localAddress);
    return slot;
  }
}

function write(carrier: Carrier, target: number, datagram: Uint8Array): void {
  const offset = carrier.arena.reserve(datagram.length);
  expect(offset).toBeGreaterThanOrEqual(0);
  carrier.arena.bytes.set(datagram, offset);
  carrier.arena.target = target;
  carrier.arena.commit(datagram.length);
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
