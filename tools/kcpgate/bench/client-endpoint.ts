import type { SocketAddress } from '../../../src/base/address.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import type { Carrier } from '../../../src/carrier/carrier.ts';
import { createUdpCarrier } from '../../../src/carrier/node/udp.ts';
import { openCarrier } from '../../../src/client/node/open-carrier.ts';
import { createPacketCipher } from '../../../src/crypto/create-packet-cipher.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { Endpoint, NODE_CLOCK, type SessionGroupConfig } from '../../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool, type KcpConfig } from '../../../src/kcp/index.ts';
import { SEALED_OVERHEAD_BYTES } from '../../../src/wire/sealed-header.ts';
import { BenchLogin } from './bench-login.ts';
import type { LoadOptions } from './load-options.ts';
import type { SessionOpener } from './session-opener.ts';

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
  /** Where the datagrams go. */
  readonly remote: SocketAddress;
  /** Of sealed sessions. */
  readonly login: BenchLogin | undefined;
  private readonly load: LoadOptions;
  private readonly pool: SegmentPool;
  private readonly security = { crypto: createHandshakeCrypto(), cipher: createPacketCipher() };
  private readonly endpoints: Endpoint[] = [];
  private lastConv: number;

  /** @param server of sealed loads, where to log in; else its UDP address. */
  static async to(server: SocketAddress, load: LoadOptions): Promise<ClientEndpoints> {
    return new ClientEndpoints(server, load, load.sealed ? await BenchLogin.at(server, load) : undefined);
  }

  private constructor(server: SocketAddress, load: LoadOptions, login: BenchLogin | undefined) {
    this.remote = login?.remote ?? server;
    this.login = login;
    this.load = load;
    this.pool = new SegmentPool({ slotBytes: Math.max(1536, load.mtu) });
    // Sessions of an earlier client on the same address and port must not be taken for these.
    this.lastConv = (process.pid << 16) & 0x7fff0000;
  }

  /** Opens one more socket or connection. @param isLight many of them: small buffers, in the process and in the kernel. */
  async open(isLight = false): Promise<SessionOpener> {
    const carrier = await this.carrier(isLight);
    const { security, remote, load, login } = this;
    // Sessions without login bring a configuration of their own.
    const sessions = this.sessions(load.mtu - (login === undefined ? 0 : SEALED_OVERHEAD_BYTES));
    const endpoint =
      login === undefined
        ? new Endpoint({ clock: NODE_CLOCK, logger: NO_LOG })
        : new Endpoint(
            { clock: NODE_CLOCK, logger: NO_LOG, security },
            { login: { ...sessions, maxHalfOpen: 1 } },
          );
    const port = endpoint.attach(carrier, { name: 'line', ...sessions, allowStock: false });
    endpoint.start();
    this.endpoints.push(endpoint);
    if (login === undefined) {
      return {
        endpoint,
        connect: (stream, bind) => endpoint.connect(remote, this.nextKcp(stream), 'stock', bind),
      };
    }
    const slot = carrier.intern(remote);
    const { timeoutMs } = load;
    return {
      endpoint,
      connect: (stream, bind) => {
        const credentials = login.take();
        const dial = { port, slot, credentials, stream, timeoutMs, earlyData: false, observer: {}, bind };
        endpoint.dial(dial);
      },
    };
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
    this.security.cipher.close();
  }

  private async carrier(isLight: boolean): Promise<Carrier> {
    const { remote, login, load } = this;
    if (login !== undefined && load.line !== 'udp') {
      const options = { maxDatagramBytes: MAX_DATAGRAM_BYTES, timeoutMs: load.timeoutMs };
      return (await openCarrier(login.line, remote, options, new AbortController().signal)).carrier;
    }
    return createUdpCarrier({
      bind: { address: remote.family === 6 ? '::' : '0.0.0.0', family: remote.family, port: 0 },
      remote,
      ...(isLight && { bufferBytes: 0, slabBytes: 16 * 1024, arenaBytes: 16 * 1024 }),
    });
  }

  private sessions(mtu: number): SessionGroupConfig {
    const { preset, window } = this.load;
    return {
      kcp: resolveKcpConfig({ conv: 0, preset, mtu, sendWindow: window, receiveWindow: window }),
      session: { idleTimeoutMs: ONE_HOUR_MS, keepAliveMs: 0, closeTimeoutMs: 1000, lingerMs: 0 },
      admission: {
        maxSessions: 1,
        maxSessionsPerSource: 1,
        newSessionsPerSecond: 1,
        newSessionsPerSourcePerSecond: 1,
      },
      pool: this.pool,
    };
  }

  /** The configuration of one more session without login, with a conversation of its own. */
  private nextKcp(stream: boolean): KcpConfig {
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
}

const ONE_HOUR_MS = 3_600_000;
const MAX_DATAGRAM_BYTES = 2048;
