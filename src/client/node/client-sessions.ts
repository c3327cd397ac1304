import type { SessionGroupConfig } from '../../endpoint/index.ts';
import { SegmentPool, type KcpConfig } from '../../kcp/index.ts';

/** What every kind of client connection can be told of its session. */
export interface ClientSessionOptions {
  /** Closed with `idle_timeout` when nothing arrived for so long, in ms. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** Quiet for so long, the peer is asked for a sign of life, in ms; 0 = never. Default 10,000. */
  readonly keepAliveMs?: number;
  /** How long closing may take to get queued data across, in ms. Default 5,000. */
  readonly closeTimeoutMs?: number;
  /** Payload memory at most, in bytes. Default 64 MiB. */
  readonly maxMemoryBytes?: number;
}

/** The sessions of a client's endpoint: one. */
export function clientSessions(kcp: KcpConfig, options: ClientSessionOptions): SessionGroupConfig {
  return {
    kcp,
    pool: new SegmentPool({
      slotBytes: Math.max(1536, kcp.mtu),
      maxBytes: options.maxMemoryBytes ?? 64 * 1024 * 1024,
    }),
    session: {
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
      keepAliveMs: options.keepAliveMs ?? 10_000,
      closeTimeoutMs: options.closeTimeoutMs ?? 5_000,
      lingerMs: LINGER_MS,
    },
    admission: {
      maxSessions: 1,
      maxSessionsPerSource: 1,
      newSessionsPerSecond: 1,
      newSessionsPerSourcePerSecond: 1,
    },
  };
}

/** A client answers repeats of the gateway's FIN or KICK for so long. */
const LINGER_MS = 250;
