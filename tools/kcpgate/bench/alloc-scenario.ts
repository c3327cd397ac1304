import { setImmediate as nextTurn } from 'node:timers/promises';
import { NO_LOG } from '../../../src/base/logger.ts';
import { createMemoryPair, type MemoryCarrier } from '../../../src/carrier/memory.ts';
import { Endpoint, NODE_CLOCK, type PortConfig } from '../../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';
import { EchoUpstream } from '../../../src/upstream/index.ts';
import { HeapSampler, type AllocationSite } from './heap-sampler.ts';
import type { LoadOptions } from './load-options.ts';
import { Pattern } from '../pattern.ts';
import { StreamProgress, StreamSink } from './stream-client.ts';

/** Who allocates on the way of a packet. */
export interface AllocResult {
  readonly complete: boolean;
  /** Datagrams received by the two endpoints while the sampler ran. */
  readonly packets: number;
  readonly bytesPerPacket: number;
  /** The places that allocated most, in bytes a packet. */
  readonly sites: readonly { readonly place: string; readonly bytesPerPacket: number }[];
}

/**
 * The whole way of a packet without the kernel: two endpoints on memory carriers, a stream one way and its echo back,
 * while V8's sampling heap profiler watches.
 */
export async function runAllocScenario(load: LoadOptions): Promise<AllocResult> {
  const pair = openPair(load);
  await pair.carry(Math.min(load.packets, WARM_UP_PACKETS));
  const sampler = new HeapSampler();
  await sampler.start();
  const packets = await pair.carry(load.packets);
  const sites = (await sampler.stop()).filter(({ place }) => !isOwnWork(place));
  await pair.close();
  const bytes = sites.reduce((sum, site) => sum + site.bytes, 0);
  return {
    complete: packets >= load.packets && pair.corruptBytes() === 0,
    packets,
    bytesPerPacket: bytes / packets,
    sites: sites.slice(0, SITES_SHOWN).map((site) => perPacket(site, packets)),
  };
}

interface StreamingPair {
  /** Lets the stream flow until `packets` more datagrams were received. @returns how many it were. */
  carry(packets: number): Promise<number>;
  corruptBytes(): number;
  close(): Promise<void>;
}

function openPair(load: LoadOptions): StreamingPair {
  const [clientSide, serverSide] = createMemoryPair();
  const echo = new EchoUpstream({ name: 'echo' });
  // Each with memory of its own, as in two processes.
  const config = portConfig(load);
  const server = new Endpoint({
    clock: NODE_CLOCK,
    logger: NO_LOG,
    acceptor: { accept: () => ({ stream: false, bind: (port) => echo.open(port) }) },
  });
  server.attach(serverSide, portConfig(load));
  const client = new Endpoint({ clock: NODE_CLOCK, logger: NO_LOG });
  client.attach(clientSide, config);
  server.start();
  client.start();
  let sink: StreamSink | undefined;
  client.connect(serverSide.localAddress, { ...config.kcp, conv: 1, stream: true }, 'stock', (port) => {
    const progress = new StreamProgress(0, Infinity, ignore, ignore);
    sink = new StreamSink(port, new Pattern(load.seed), Infinity, progress);
    sink.writable();
    return sink;
  });
  return {
    async carry(packets) {
      const before = received(clientSide, serverSide);
      let now = before;
      while (now - before < packets) {
        // Endpoints that were called from outside take their turn in an immediate.
        for (let i = 0; i < TURNS_TOGETHER; i++) if (clientSide.deliver() + serverSide.deliver() === 0) break;
        await nextTurn();
        now = received(clientSide, serverSide);
      }
      return now - before;
    },
    corruptBytes: () => sink?.corruptBytes ?? 0,
    async close() {
      await Promise.all([client.close(), server.close(), echo.close()]);
    },
  };
}

function received(...carriers: readonly MemoryCarrier[]): number {
  return carriers.reduce((sum, carrier) => sum + carrier.stats().receivedDatagrams, 0);
}

function portConfig({ preset, mtu, window }: LoadOptions): PortConfig {
  // In memory everything in flight arrives in one batch; a socket gives about so many in a turn.
  const sendWindow = Math.min(window, BATCH_SEGMENTS);
  return {
    name: 'memory',
    kcp: resolveKcpConfig({ conv: 0, preset, mtu, sendWindow, receiveWindow: window }),
    session: { idleTimeoutMs: 60_000, keepAliveMs: 0, closeTimeoutMs: 1000, lingerMs: 0 },
    allowStock: true,
    admission: {
      maxSessions: 1,
      maxSessionsPerSource: 1,
      newSessionsPerSecond: 1,
      newSessionsPerSourcePerSecond: 1,
    },
    pool: new SegmentPool({ slotBytes: Math.max(1536, mtu) }),
  };
}

/** The inspector's own messages, and the loop above. */
function isOwnWork(place: string): boolean {
  return (
    place.includes('node:inspector') || place.includes('alloc-scenario') || place.includes('heap-sampler')
  );
}

function perPacket({ place, bytes }: AllocationSite, packets: number): AllocResult['sites'][number] {
  return { place, bytesPerPacket: bytes / packets };
}

const ignore = (): void => undefined;

const BATCH_SEGMENTS = 32;
const WARM_UP_PACKETS = 100_000;
const SITES_SHOWN = 20;
const TURNS_TOGETHER = 64;
