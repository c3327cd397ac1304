import type { Clock } from '../../../src/base/clock.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import type { PacketCipher } from '../../../src/base/packet-cipher.ts';
import type { Carrier } from '../../../src/carrier/carrier.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { NodePacketCipher } from '../../../src/crypto/node-packet-cipher.ts';
import { createResetTokens } from '../../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../../src/crypto/ticket-keyring.ts';
import {
  Endpoint,
  type AdmissionConfig,
  type LoginStats,
  type PortConfig,
  type SessionAcceptor,
  type SessionGroupConfig,
  type SessionOpening,
} from '../../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool, type KcpOptions } from '../../../src/kcp/index.ts';
import type { SessionCredentials, SessionTracer } from '../../../src/session/index.ts';
import type { TicketBody } from '../../../src/wire/ticket.ts';
import { RecordingSink } from '../session/session-pair.ts';

/** A cipher that knows how many keys it holds. */
export class CountingCipher implements PacketCipher {
  readonly implementation = 'node';
  readonly slots = new Set<number>();
  readonly #inner = new NodePacketCipher();

  addKey(key: Uint8Array, iv: Uint8Array): number {
    const slot = this.#inner.addKey(key, iv);
    this.slots.add(slot);
    return slot;
  }
  removeKey(slot: number): void {
    this.slots.delete(slot);
    this.#inner.removeKey(slot);
  }
  seal(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#inner.seal(bytes, table, count);
  }
  open(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#inner.open(bytes, table, count);
  }
  close(): void {
    this.#inner.close();
  }
}

/** What the sessions of a test are like, on both ends. */
export interface TestSessions {
  readonly kcp?: Partial<KcpOptions>;
  readonly session?: Partial<SessionGroupConfig['session']>;
  readonly admission?: Partial<AdmissionConfig>;
  readonly pool?: SegmentPool;
}

export function testSessions({ kcp, session, admission, pool }: TestSessions = {}): SessionGroupConfig {
  return {
    kcp: resolveKcpConfig({ conv: 0, mtu: 1372, sendWindow: 256, receiveWindow: 256, ...kcp }),
    pool: pool ?? new SegmentPool(),
    session: {
      ...{ idleTimeoutMs: 30_000, keepAliveMs: 0, closeTimeoutMs: 2_000, lingerMs: 1_000 },
      copyBytesPerSecond: 64 * 1024,
      ...session,
    },
    admission: {
      maxSessions: 100,
      maxSessionsPerSource: 100,
      newSessionsPerSecond: 1000,
      newSessionsPerSourcePerSecond: 1000,
      ...admission,
    },
  };
}

export interface TestGatewayOptions extends TestSessions {
  readonly acceptor?: SessionAcceptor;
  readonly maxHalfOpen?: number;
  readonly maxSessionsPerSubject?: number;
  readonly gatewayId?: number;
  readonly ownersAreRouted?: boolean;
  readonly isOwnerGone?: (gatewayId: number) => boolean;
  /** Bytes as one stream. Default true. */
  readonly stream?: boolean;
  readonly tracer?: SessionTracer;
}

/** A gateway's endpoint with real keys and tickets; its sinks only record. */
export class TestGateway {
  readonly endpoint: Endpoint;
  readonly cipher = new CountingCipher();
  readonly sessions: SessionGroupConfig;
  /** In the order in which the sessions opened. */
  readonly sinks: RecordingSink[] = [];
  readonly openings: SessionOpening[] = [];
  /** Unix time in ms: tickets are good until 1,000,000. */
  readonly wallClock = { now: () => this.unixMs };
  unixMs = 500_000;
  readonly keyring = new TicketKeyring([{ id: 1, key: new Uint8Array(32).fill(1) }]);
  readonly resetTokens = createResetTokens(new Uint8Array(32).fill(2));
  readonly crypto = createHandshakeCrypto();

  constructor(clock: Clock, options: TestGatewayOptions = {}) {
    const {
      maxHalfOpen = 100,
      maxSessionsPerSubject,
      gatewayId = 1,
      ownersAreRouted = false,
      stream = true,
    } = options;
    this.sessions = testSessions(options);
    const recording: SessionAcceptor = {
      accept: (opening) => {
        this.openings.push(opening);
        return {
          stream,
          bind: (port) => {
            const sink = new RecordingSink(port);
            this.sinks.push(sink);
            return sink;
          },
        };
      },
    };
    const { crypto, cipher, resetTokens, wallClock, keyring: tickets } = this;
    this.endpoint = new Endpoint(
      {
        clock,
        logger: NO_LOG,
        acceptor: options.acceptor ?? recording,
        security: { crypto, cipher, tickets, resetTokens, wallClock },
        ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
        ...(options.isOwnerGone === undefined ? {} : { isOwnerGone: options.isOwnerGone }),
      },
      {
        login: {
          ...this.sessions,
          maxHalfOpen,
          ...(maxSessionsPerSubject === undefined ? {} : { maxSessionsPerSubject }),
        },
        gatewayId,
        ownersAreRouted,
      },
    );
  }

  /** Adds a line. @returns its port. */
  attach(carrier: Carrier, port: Partial<PortConfig> = {}): number {
    return this.endpoint.attach(carrier, { ...this.sessions, name: 'line', allowStock: false, ...port });
  }

  /** What a login would give. */
  login(ticket: Partial<TicketBody> = {}): SessionCredentials {
    const { conv = 0x01000007, seal = 'aead', secret = this.crypto.randomBytes(32) } = ticket;
    const body = { issuedMs: 0, expiresMs: 1_000_000, subject: 'somebody', claims: '' };
    return {
      conv,
      ticket: this.keyring.seal({ ...body, ...ticket, conv, seal, secret }),
      secret,
      resetToken: this.resetTokens.tokenOf(conv),
      seal,
    };
  }

  get stats(): LoginStats {
    return this.endpoint.loginStats()!;
  }

  /** What a port dropped, without the reasons that never came up. */
  drops(port = 0): Record<string, number> {
    const { drops } = this.endpoint.stats(port);
    return Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0));
  }

  /** The only open session, as operators see it. */
  get session() {
    const [session, ...others] = this.endpoint.sessions();
    if (session === undefined || others.length > 0) throw new Error('there is not exactly one session');
    return session;
  }
}
