import { describe, expect, it } from 'vitest';
import { formatSocketAddress } from '../../src/base/address.ts';
import { CloseCode } from '../../src/base/close-code.ts';
import { NO_LOG } from '../../src/base/logger.ts';
import type { SessionPort, Sink } from '../../src/base/sink.ts';
import type { Carrier } from '../../src/carrier/carrier.ts';
import { resolveKcpConfig, SegmentPool } from '../../src/kcp/index.ts';
import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { datagramsOf } from '../contract/received.ts';
import { endpointOn } from '../support/endpoint-on.ts';
import { PERFECT_PIPE } from './connection-pipe.ts';
import { MultiPathNetwork, onNetwork } from './multi-path-network.ts';

/** What a carrier was told, with the times. */
class Watched {
  readonly datagrams: { readonly atMs: number; readonly value: number; readonly from: string }[] = [];
  readonly gone: number[] = [];
  readonly writable: number[] = [];
  /** The slot of the last datagram. */
  slot = -1;

  constructor(network: MultiPathNetwork, carrier: Carrier) {
    carrier.start(
      (batch) => {
        for (const { bytes, slot } of datagramsOf(batch)) {
          this.slot = slot;
          const from = formatSocketAddress(carrier.addressOf(slot));
          this.datagrams.push({ atMs: network.loop.now(), value: bytes[0]!, from });
        }
      },
      {
        disconnected: () => this.gone.push(network.loop.now()),
        writable: () => this.writable.push(network.loop.now()),
      },
    );
  }

  get values(): number[] {
    return this.datagrams.map(({ value }) => value);
  }
}

function send(carrier: Carrier, slot: number, value: number, bytes = 100): void {
  const at = carrier.arena.reserve(bytes);
  expect(at).toBeGreaterThanOrEqual(0);
  carrier.arena.bytes.fill(value, at, at + bytes);
  carrier.arena.target = slot;
  carrier.arena.commit(bytes);
  carrier.flush();
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('a line for datagrams', () => {
  /** A socket of the gateway, a line to it, and what came to both. */
  const open = (
    network: MultiPathNetwork,
    up: Partial<LinkProfile> = {},
    down: Partial<LinkProfile> = up,
  ) => {
    const gateway = network.openUdp();
    const line = network.addClient().openUdp({
      up: { ...PERFECT_LINK, ...up },
      down: { ...PERFECT_LINK, ...down },
    });
    const far = new Watched(network, gateway);
    const near = new Watched(network, line.carrier);
    const slot = line.carrier.intern(gateway.localAddress);
    return { gateway, line, far, near, slot };
  };

  it('delays each way as told, and shows the address of the NAT', () => {
    onNetwork({ seed: 1, startMs: 1000 }, (network) => {
      const { gateway, line, far, near, slot } = open(network, { delayMs: 30 }, { delayMs: 50 });
      send(line.carrier, slot, 1);
      network.loop.runFor(30);
      expect(far.datagrams).toMatchObject([{ atMs: 1030, value: 1 }]);
      expect(far.datagrams[0]?.from).toBe(formatSocketAddress(line.publicAddress));
      expect(far.datagrams[0]?.from).not.toBe(formatSocketAddress(line.carrier.localAddress));
      send(gateway, gateway.intern(line.publicAddress), 2);
      network.loop.runFor(50);
      expect(near.datagrams).toMatchObject([
        { atMs: 1080, value: 2, from: formatSocketAddress(gateway.localAddress) },
      ]);
    });
  });

  it('does all that a link can do, the same for the same seed', () => {
    const rough = {
      delayMs: 5,
      jitterMs: 9,
      lossRate: 0.2,
      reorderRate: 0.2,
      reorderDelayMs: 20,
      duplicateRate: 0.1,
    };
    const run = (seed: number): unknown =>
      onNetwork({ seed }, (network) => {
        const { line, far, slot } = open(network, rough);
        for (let i = 0; i < 200; i++) {
          send(line.carrier, slot, i);
          network.loop.runFor(1);
        }
        network.loop.runFor(100);
        const { lost, reordered, duplicated } = line.up.counters;
        expect(Math.min(lost, reordered, duplicated)).toBeGreaterThan(5);
        expect(far.datagrams.length).toBe(200 - lost + duplicated);
        return far.datagrams;
      });
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });

  it('gives each line luck of its own, whatever happens on others', () => {
    const run = (busy: boolean): number[] =>
      onNetwork({ seed: 3 }, (network) => {
        const { line, far, slot } = open(network, { lossRate: 0.5 });
        const other = open(network, { lossRate: 0.5 });
        for (let i = 0; i < 100; i++) {
          if (busy) send(other.line.carrier, other.slot, i);
          send(line.carrier, slot, i);
        }
        network.loop.runFor(1);
        return far.values;
      });
    expect(run(true)).toEqual(run(false));
  });

  it('rebinds: the gateway sees another port, and what goes to the old one is lost, on its way or not', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { gateway, line, far, near, slot } = open(network, { delayMs: 10 });
      send(line.carrier, slot, 1);
      network.loop.runFor(10);
      const before = line.publicAddress;
      const old = gateway.intern(before);
      send(gateway, old, 11);
      network.loop.runFor(5);
      line.rebind();
      expect(line.publicAddress).toMatchObject({ address: before.address });
      expect(line.publicAddress.port).not.toBe(before.port);
      send(line.carrier, slot, 2);
      network.loop.runFor(10);
      expect(far.datagrams[1]?.from).toBe(formatSocketAddress(line.publicAddress));
      expect(far.slot).not.toBe(old);
      send(gateway, old, 12);
      send(gateway, gateway.intern(line.publicAddress), 13);
      network.loop.runFor(20);
      expect(near.values).toEqual([13]);
      expect(line.lost).toBe(2);
      // The client's socket does not know.
      expect(far.datagrams.length).toBe(2);
    });
  });

  it('moves to another host, and may leave the old address working', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { gateway, line, near } = open(network);
      const before = line.publicAddress;
      line.rebind({ newHost: true, keepOld: true });
      expect(line.publicAddress.address).not.toBe(before.address);
      send(gateway, gateway.intern(before), 1);
      send(gateway, gateway.intern(line.publicAddress), 2);
      network.loop.runFor(1);
      expect(near.values).toEqual([1, 2]);
    });
  });

  it.each(['up', 'down', 'both'] as const)('falls into a black hole: %s', (direction) => {
    onNetwork({ seed: 1 }, (network) => {
      const { gateway, line, far, near, slot } = open(network, { delayMs: 10 });
      const back = gateway.intern(line.publicAddress);
      const both = (value: number): void => {
        send(line.carrier, slot, value);
        send(gateway, back, value);
      };
      both(1);
      line.blackHole(direction, 100);
      both(2);
      network.loop.runFor(99);
      both(3);
      network.loop.runFor(1);
      both(4);
      line.blackHole(direction);
      both(5);
      line.blackHole(direction, 0);
      both(6);
      network.loop.runFor(50);
      expect(far.values).toEqual(direction === 'down' ? [1, 2, 3, 4, 5, 6] : [1, 4, 6]);
      expect(near.values).toEqual(direction === 'up' ? [1, 2, 3, 4, 5, 6] : [1, 4, 6]);
    });
  });

  it('changes its weather under way', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { line, far, slot } = open(network);
      line.setLinks({ ...PERFECT_LINK, lossRate: 1 });
      send(line.carrier, slot, 1);
      line.setLinks({ ...PERFECT_LINK, delayMs: 7 });
      send(line.carrier, slot, 2);
      network.loop.runFor(10);
      expect(far.datagrams).toMatchObject([{ atMs: 7, value: 2 }]);
    });
  });

  it('reaches any socket of the gateway, and whoever has the address when the datagram arrives', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { gateway, line, far, slot } = open(network, { delayMs: 10 });
      const second = network.openUdp();
      const seen = new Watched(network, second);
      send(line.carrier, line.carrier.intern(second.localAddress), 1);
      network.loop.runFor(10);
      expect(seen.values).toEqual([1]);
      // Two sockets of the gateway reach each other.
      send(second, second.intern(gateway.localAddress), 9);
      network.loop.runFor(1);
      expect(far.values).toEqual([9]);

      send(line.carrier, slot, 2);
      void gateway.close();
      network.loop.runFor(10);
      expect(network.unreachable).toBe(1);
      send(line.carrier, slot, 3);
      const next = new Watched(network, network.openUdp({}, gateway.localAddress.port));
      network.loop.runFor(10);
      expect([far.values, next.values]).toEqual([[9], [3]]);
      expect(() => network.openUdp({}, gateway.localAddress.port)).toThrow('in use');
    });
  });

  it('makes one batch of what arrives in one millisecond', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { gateway, line, slot, far } = open(network, { delayMs: 3 });
      for (let i = 0; i < 300; i++) send(line.carrier, slot, i, 10);
      network.loop.runFor(5);
      expect(far.datagrams).toHaveLength(300);
      expect(gateway.stats().receiveBatches).toBe(2);
    });
  });
});

describe('a line that is a connection', () => {
  const open = (network: MultiPathNetwork, up: Partial<typeof PERFECT_PIPE> = {}, options = {}) => {
    const port = network.listen('tcp', options);
    const client = network.addClient();
    const line = client.connect(port, { up: { ...PERFECT_PIPE, ...up }, ...options });
    const far = new Watched(network, port.carrier);
    const near = new Watched(network, line.carrier);
    return { port, client, line, far, near };
  };

  it('delivers everything, in order, however the delay varies', () => {
    onNetwork({ seed: 4 }, (network) => {
      const { port, line, far, near } = open(network, { delayMs: 20, jitterMs: 30 });
      for (let i = 0; i < 200; i++) {
        send(line.carrier, 0, i);
        network.loop.runFor(1);
      }
      network.loop.runFor(50);
      expect(far.values).toEqual(range(0, 200));
      expect(far.datagrams[0]!.atMs).toBeGreaterThanOrEqual(20);
      expect(new Set(far.datagrams.map(({ atMs }) => atMs)).size).toBeGreaterThan(20);
      port.carrier.connections.confirm(far.slot);
      send(port.carrier, far.slot, 5);
      network.loop.runFor(50);
      expect(near.values).toEqual([5]);
      expect(line.isAlive).toBe(true);
    });
  });

  it('breaks: what is on its way or queued is lost, both ends learn it, and it can be made again', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { port, client, line, far, near } = open(network, { delayMs: 50 });
      send(line.carrier, 0, 1);
      network.loop.runFor(60);
      send(line.carrier, 0, 2);
      send(port.carrier, far.slot, 3);
      network.loop.runFor(10);
      line.breakDown({ gatewayAfterMs: 100 });
      send(line.carrier, 0, 4);
      expect(line.isAlive).toBe(false);
      expect([near.gone, far.gone]).toEqual([[], []]);
      network.loop.runFor(500);
      expect([far.values, near.values]).toEqual([[1], []]);
      expect([near.gone, far.gone]).toEqual([[70], [170]]);
      send(line.carrier, 0, 5);
      expect(line.carrier.stats().sendDrops).toBe(1);

      const again = client.connect(port, { up: { ...PERFECT_PIPE, delayMs: 5 } });
      new Watched(network, again.carrier);
      send(again.carrier, 0, 6);
      network.loop.runFor(5);
      expect(far.values).toEqual([1, 6]);
      expect(port.carrier.stats().connections).toMatchObject({ opened: 2, open: 1 });
    });
  });

  it('breaks without anybody noticing', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { port, line, far, near } = open(network);
      send(line.carrier, 0, 1);
      network.loop.runFor(1);
      port.carrier.connections.confirm(far.slot);
      line.breakDown({ clientAfterMs: Infinity, gatewayAfterMs: Infinity });
      send(line.carrier, 0, 2);
      send(port.carrier, far.slot, 3);
      network.loop.runFor(100_000);
      expect([far.values, near.values, far.gone, near.gone]).toEqual([[1], [], [], []]);
      // Only whoever waits for an answer finds out, and ends it.
      port.carrier.connections.disconnect(far.slot, CloseCode.idleTimeout, '');
      network.loop.runFor(10_000);
      expect(port.carrier.stats().connections?.open).toBe(0);
    });
  });

  it('stalls, and then brings all of it, late', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { line, far } = open(network, { delayMs: 10 });
      send(line.carrier, 0, 1);
      line.stall('up', 300);
      send(line.carrier, 0, 2);
      network.loop.runFor(100);
      send(line.carrier, 0, 3);
      network.loop.runFor(300);
      expect(far.datagrams).toMatchObject([
        { atMs: 10, value: 1 },
        { atMs: 310, value: 2 },
        { atMs: 310, value: 3 },
      ]);
    });
  });

  it('takes as much as the bottleneck lets through; the rest is queued, and there is room again later', () => {
    onNetwork({ seed: 1 }, (network) => {
      const options = { highWaterBytes: 20_000, maxQueueBytes: 1 << 20 };
      const pipe = { bytesPerSecond: 100_000, bufferBytes: 10_000 };
      const { line, far, near } = open(network, pipe, options);
      const { connections } = line.carrier;
      for (let i = 0; i < 50; i++) send(line.carrier, 0, i, 1000);
      // One is on the wire, ten are in the buffer.
      expect(connections?.queuedBytes(0)).toBe(39_000);
      network.loop.runFor(200);
      expect(connections?.queuedBytes(0)).toBe(19_000);
      expect(near.writable).toEqual([]);
      network.loop.runFor(1000);
      expect(near.writable).toHaveLength(1);
      expect(near.writable[0]).toBeGreaterThan(290);
      expect(near.writable[0]).toBeLessThan(310);
      expect(far.values).toEqual(range(0, 50));
      expect(far.datagrams.at(-1)?.atMs).toBe(500);
      expect(line.carrier.stats().sendDrops).toBe(0);
    });
  });

  it('ends what never confirms itself, on virtual time', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { near, line } = open(network);
      const startedAt = performance.now();
      network.loop.runFor(6000);
      expect(near.gone).toEqual([5000]);
      expect(line.isAlive).toBe(false);
      // Less than the five seconds it ends after.
      expect(performance.now() - startedAt).toBeLessThan(5000);
    });
  });

  it('tells the client why the gateway ended it', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { port, line, far, near } = open(network, { delayMs: 5 });
      send(line.carrier, 0, 1);
      network.loop.runFor(5);
      send(port.carrier, far.slot, 2);
      port.carrier.connections.disconnect(far.slot, CloseCode.kicked, 'enough');
      network.loop.runFor(20);
      expect(near.values).toEqual([2]);
      expect(near.gone).toEqual([10]);
      expect(line.gatewayEnd).toEqual({ code: CloseCode.kicked, reason: 'enough' });
      expect(port.carrier.stats().connections?.open).toBe(0);
    });
  });

  it('is reset when the process of the gateway dies, and taken by the next one at that address', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { port, client, line, far, near } = open(network, { delayMs: 5 });
      port.crash();
      expect(() => client.connect(port)).toThrow('nobody listens');
      network.loop.runFor(20);
      expect([near.gone.length, far.gone.length, line.isAlive]).toEqual([1, 0, false]);
      const next = network.listen('tcp', {}, port.address.port);
      const seen = new Watched(network, next.carrier);
      send(client.connect(next).carrier, 0, 8);
      network.loop.runFor(1);
      expect([far.values, seen.values]).toEqual([[], [8]]);
    });
  });

  it('comes from the address its host has then', () => {
    onNetwork({ seed: 1 }, (network) => {
      const { client, port, line } = open(network);
      const datagrams = client.openUdp();
      expect(line.carrier.localAddress.address).toBe(datagrams.publicAddress.address);
      client.changeHost();
      const next = client.connect(port);
      expect(next.carrier.localAddress.address).not.toBe(line.carrier.localAddress.address);
      expect(network.addClient().connect(port).carrier.localAddress.address).not.toBe(
        next.carrier.localAddress.address,
      );
    });
  });

  it('closes with the carrier, on either side', async () => {
    const network = new MultiPathNetwork(1);
    const restore = network.loop.install();
    try {
      const { port, client, near } = open(network, { delayMs: 5 });
      await network.loop.complete(port.carrier.close());
      network.loop.runFor(10);
      expect(near.gone).toHaveLength(1);
      const second = network.listen('ws');
      const far = new Watched(network, second.carrier);
      const line = client.connect(second);
      send(line.carrier, 0, 1);
      await network.loop.complete(line.carrier.close());
      expect([far.values, far.gone.length]).toEqual([[1], 1]);
    } finally {
      restore();
    }
  });
});

describe('endpoints on the network', () => {
  const TOTAL_BYTES = 20_000;

  /** Sends back what comes. */
  const echo = (port: SessionPort): Sink => ({
    ...IDLE_SINK,
    // The segment that opens a session is empty.
    write: (bytes, offset, length) => length === 0 || port.send(bytes, offset, length) === length,
  });

  function run(seed: number): { readonly received: number; readonly endedAtMs: number } {
    return onNetwork({ seed }, (network) => {
      const kcp = resolveKcpConfig({ conv: 7, stream: true, announce: true });
      const port = {
        kcp: resolveKcpConfig({ conv: 0 }),
        pool: new SegmentPool(),
        allowStock: true,
        session: { idleTimeoutMs: 30_000, keepAliveMs: 10_000, closeTimeoutMs: 5000, lingerMs: 1000 },
        admission: {
          maxSessions: 10,
          maxSessionsPerSource: 10,
          newSessionsPerSecond: 10,
          newSessionsPerSourcePerSecond: 10,
        },
      };
      const { clock } = network.loop;
      const acceptor = { accept: () => ({ stream: true, bind: echo }) };
      const socket = network.openUdp();
      const gateway = endpointOn(socket, { clock, logger: NO_LOG, acceptor }, port);
      gateway.start();
      const rough = { ...PERFECT_LINK, delayMs: 20, jitterMs: 10, lossRate: 0.1, duplicateRate: 0.05 };
      const line = network.addClient().openUdp({ up: rough });
      const client = endpointOn(line.carrier, { clock, logger: NO_LOG }, port);
      client.start();
      let received = 0;
      let wrong = 0;
      const session = client.connect(socket.localAddress, kcp, 'kcpgate', () => ({
        ...IDLE_SINK,
        write: (bytes, offset, length) => {
          for (let i = 0; i < length; i++) if (bytes[offset + i] !== ((received + i) & 255)) wrong++;
          received += length;
          return true;
        },
      }));
      const bytes = Uint8Array.from({ length: TOTAL_BYTES }, (_, index) => index & 255);
      expect(session.send(bytes, 0, bytes.length)).toBe(bytes.length);
      network.loop.runUntil(() => received === TOTAL_BYTES, 60_000);
      const endedAtMs = network.loop.now();
      expect(wrong).toBe(0);
      void client.close();
      void gateway.close();
      network.loop.runFor(100);
      return { received, endedAtMs };
    });
  }

  it('carry data through loss without any real time, the same from the same seed', () => {
    const startedAt = performance.now();
    const runs = range(0, 20).map(run);
    const elapsedMs = performance.now() - startedAt;
    for (const { received } of runs) expect(received).toBe(TOTAL_BYTES);
    expect(range(0, 20).map(run)).toEqual(runs);
    // More than a tenth of a second of virtual time each.
    expect(Math.min(...runs.map(({ endedAtMs }) => endedAtMs))).toBeGreaterThan(80);
    console.log(`a session on the simulated network takes ${(elapsedMs / 20).toFixed(1)} ms`);
  });
});

const IDLE_SINK: Sink = {
  write: () => true,
  flush: () => undefined,
  end: () => undefined,
  writable: () => undefined,
  drain: () => undefined,
  close: () => undefined,
};
