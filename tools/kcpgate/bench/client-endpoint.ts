import type { SocketAddress } from '../../../src/base/address.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import { createUdpCarrier } from '../../../src/carrier/node/udp.ts';
import { Endpoint, NODE_CLOCK } from '../../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool, type KcpConfig } from '../../../src/kcp/index.ts';
import type { LoadOptions } from './load-options.ts';

/** Sums over all sessions of a client. */
export interface ClientCounters {
  /** First transmissions and retransmissions. */
  readonly segmentsSent: number;
  readonly retransmits: number;
  readonly fastRetransmits: number;
  readonly timeoutRetransmits: number;
  readonly duplicatesReceived: number;
}

/** The client sides of one process: endpoints with a socket each and memory in common. */
export class ClientEndpoints {
  readonly remote: SocketAddress;
  private readonly load: LoadOptions;
  private readonly pool: SegmentPool;
  private readonly endpoints: Endpoint[] = [];
  private lastConv: number;

  constructor(remote: SocketAddress, load: LoadOptions) {
    this.remote = remote;
    this.load = load;
    this.pool = new SegmentPool({ slotBytes: Math.max(1536, load.mtu) });
    // Sessions of an earlier client on the same address and port must not be taken for these.
    this.lastConv = (process.pid << 16) & 0x7fff0000;
  }

  /** Opens one more socket. @param isLight many of them: small buffers, in the process and in the kernel. */
  async open(isLight = false): Promise<Endpoint> {
    const { remote } = this;
    const carrier = await createUdpCarrier({
      bind: { address: remote.family === 6 ? '::' : '0.0.0.0', family: remote.family, port: 0 },
      remote,
      ...(isLight && { bufferBytes: 0, slabBytes: 16 * 1024, arenaBytes: 16 * 1024 }),
    });
    const endpoint = new Endpoint({ clock: NODE_CLOCK, logger: NO_LOG });
    endpoint.attach(carrier, {
      name: 'udp',
      // Each session brings its own.
      kcp: this.kcp(false),
      session: { idleTimeoutMs: ONE_HOUR_MS, keepAliveMs: 0, closeTimeoutMs: 1000, lingerMs: 0 },
      allowStock: false,
      admission: {
        maxSessions: 1,
        maxSessionsPerSource: 1,
        newSessionsPerSecond: 1,
        newSessionsPerSourcePerSecond: 1,
      },
      pool: this.pool,
    });
    endpoint.start();
    this.endpoints.push(endpoint);
    return endpoint;
  }

  /** The configuration of one more session, with a conversation of its own. */
  kcp(stream: boolean): KcpConfig {
    const { preset, mtu, window } = this.load;
    return resolveKcpConfig({
      conv: ++this.lastConv,
      preset,
      mtu,
      sendWindow: window,
      receiveWindow: window,
      stream,
    });
  }

  /** What the engines of all sessions counted. */
  counters(): ClientCounters {
    const sum = { segmentsSent: 0, fastRetransmits: 0, timeoutRetransmits: 0, duplicatesReceived: 0 };
    for (const endpoint of this.endpoints) {
      for (const { kcp } of endpoint.sessions()) {
        sum.segmentsSent += kcp.segmentsSent;
        sum.fastRetransmits += kcp.fastRetransmits;
        sum.timeoutRetransmits += kcp.timeoutRetransmits;
        sum.duplicatesReceived += kcp.duplicatesReceived;
      }
    }
    return { ...sum, retransmits: sum.fastRetransmits + sum.timeoutRetransmits };
  }

  async close(): Promise<void> {
    await Promise.all(this.endpoints.map((endpoint) => endpoint.close()));
  }
}

const ONE_HOUR_MS = 3_600_000;
