import type { SessionGroupConfig } from '../../endpoint/index.ts';
import { SegmentPool, type KcpConfig } from '../../kcp/index.ts';
import type { ClientSessionConfig } from '../sdk/client-platform.ts';

/** The sessions of a client's endpoint: one. */
export function clientSessions(
  kcp: KcpConfig,
  config: Omit<ClientSessionConfig, 'kcp' | 'logger'>,
): SessionGroupConfig {
  const { idleTimeoutMs, keepAliveMs, closeTimeoutMs, maxMemoryBytes } = config;
  return {
    kcp,
    pool: new SegmentPool({ slotBytes: Math.max(1536, kcp.mtu), maxBytes: maxMemoryBytes }),
    session: { idleTimeoutMs, keepAliveMs, closeTimeoutMs, lingerMs: LINGER_MS },
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
