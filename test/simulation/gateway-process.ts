import type { Clock } from '../../src/base/clock.ts';
import type { HandshakeCrypto, ResetTokens } from '../../src/base/handshake-crypto.ts';
import type { Logger } from '../../src/base/logger.ts';
import type { PacketCipher } from '../../src/base/packet-cipher.ts';
import type { SocketAddress } from '../../src/base/address.ts';
import { Endpoint, type SessionAcceptor, type SessionGroupConfig } from '../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../src/kcp/index.ts';
import type { TicketOpener } from '../../src/session/index.ts';
import { CountedCipher } from '../support/counted-cipher.ts';
import type { ConnectionPort, MultiPathNetwork } from './multi-path-network.ts';
import { PLACES, type Place, type WorldSetup } from './schedule.ts';
import type { SimulatedUdp } from './simulated-udp.ts';
import { TappedCarrier, type Tap } from './tapped-carrier.ts';

/** What every process of a simulation works with. */
export interface ProcessTools {
  readonly network: MultiPathNetwork;
  readonly setup: WorldSetup;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly crypto: HandshakeCrypto;
  readonly makeCipher: () => PacketCipher;
}

export interface GatewayTools extends ProcessTools {
  readonly acceptor: SessionAcceptor;
  readonly tickets: TicketOpener;
  readonly resetTokens: ResetTokens;
  /** Sees what leaves by the ports for datagrams. */
  readonly tap: Tap | undefined;
}

/** A gateway: an endpoint on the four places, as it is from its start to its end. */
export class GatewayProcess {
  readonly endpoint: Endpoint;
  readonly #pool: SegmentPool;
  readonly #cipher: CountedCipher;
  readonly #carriers: TappedCarrier[] = [];
  readonly #sockets: SimulatedUdp[] = [];
  readonly #listeners: ConnectionPort[] = [];

  constructor(tools: GatewayTools) {
    const { network, setup, clock, logger, crypto, acceptor, tickets, resetTokens } = tools;
    this.#cipher = new CountedCipher(tools.makeCipher());
    this.#pool = new SegmentPool({ slotBytes: SLOT_BYTES, maxBytes: setup.poolSlots * SLOT_BYTES });
    const security = { crypto, cipher: this.#cipher, tickets, resetTokens, wallClock: clock };
    const login = {
      ...groupOf(setup, this.#pool, 0),
      maxHalfOpen: 64,
      ...(setup.isOneSessionEach ? { maxSessionsPerSubject: 1 } : {}),
    };
    this.endpoint = new Endpoint({ clock, logger, acceptor, security }, { login });
    for (const place of PLACES) {
      const isDatagrams = isDatagramPlace(place);
      const carrier = new TappedCarrier(
        isDatagrams ? this.#open(network, place, setup) : this.#listen(network, place, setup),
      );
      if (isDatagrams) carrier.tap = tools.tap;
      this.#carriers.push(carrier);
      this.endpoint.attach(carrier, {
        ...groupOf(setup, this.#pool, 0),
        name: place,
        allowStock: false,
        allowClear: !isDatagrams || setup.isClearAnywhere,
        earlyData: setup.earlyData,
        ...(place === 'ws' && setup.isWsRelayed ? { reliable: false } : {}),
      });
    }
    this.endpoint.start();
  }

  /** The process is killed: it says nothing to anybody from now on. Its connections are reset, as the system does. */
  kill(): void {
    for (const socket of this.#sockets) void socket.close();
    for (const listener of this.#listeners) listener.crash();
    // Nothing gets out any more; this only ends its timers.
    void this.endpoint.close();
  }

  /** What is left of sessions that are over, and of their connections; empty when nothing is. */
  get leftovers(): string {
    const { openSessions, lingeringSessions, halfOpen, sinkFailures } = this.endpoint.loginStats()!;
    return textOfLeft({
      openSessions,
      lingeringSessions,
      halfOpen,
      sinkFailures,
      keys: this.#cipher.keys,
      slots: this.#pool.usedSlots,
      retained: sum(this.#carriers.map(({ retained }) => retained)),
      connections: sum(this.#carriers.map((carrier) => carrier.stats().connections?.open ?? 0)),
      batchErrors: sum(this.#carriers.map((carrier) => carrier.stats().batchErrors)),
    });
  }

  #open(network: MultiPathNetwork, place: Place, { arenaBytes }: WorldSetup): SimulatedUdp {
    const socket = network.openUdp({ arenaBytes }, gatewayPort(place));
    this.#sockets.push(socket);
    return socket;
  }

  #listen(network: MultiPathNetwork, place: Place, setup: WorldSetup): ConnectionPort['carrier'] {
    const { arenaBytes, highWaterBytes } = setup;
    const listener = network.listen(
      place === 'ws' ? 'ws' : 'tcp',
      { arenaBytes, highWaterBytes, maxQueueBytes: MAX_QUEUE_BYTES },
      gatewayPort(place),
    );
    this.#listeners.push(listener);
    return listener.carrier;
  }
}

/** @param keepAliveMs 0 for a gateway: clients ask. */
export function groupOf(setup: WorldSetup, pool: SegmentPool, keepAliveMs: number): SessionGroupConfig {
  const { preset, mtu, window, maxQueueBytes, deadLink, idleTimeoutMs, lingerMs } = setup;
  return {
    kcp: resolveKcpConfig({
      ...{ conv: 0, preset, mtu, maxQueueBytes, deadLink },
      sendWindow: window,
      receiveWindow: window,
    }),
    pool,
    session: {
      ...{ idleTimeoutMs, keepAliveMs, closeTimeoutMs: CLOSE_TIMEOUT_MS, lingerMs },
      copyBytesPerSecond: setup.copyBytesPerSecond,
    },
    admission: {
      maxSessions: 64,
      maxSessionsPerSource: 64,
      newSessionsPerSecond: 1000,
      newSessionsPerSourcePerSecond: 1000,
    },
  };
}

export const isDatagramPlace = (place: Place): place is 'udpA' | 'udpB' =>
  place === 'udpA' || place === 'udpB';

/** Where the gateway is to be found, whichever process it is. */
export const gatewayAddress = (place: Place): SocketAddress => ({
  address: '203.0.113.1',
  family: 4,
  port: gatewayPort(place),
});

/** Names everything that is not 0. */
export function textOfLeft(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

const gatewayPort = (place: Place): number => 1000 + PLACES.indexOf(place);
export const SLOT_BYTES = 1536;
export const CLOSE_TIMEOUT_MS = 3_000;
export const MAX_QUEUE_BYTES = 1024 * 1024;
