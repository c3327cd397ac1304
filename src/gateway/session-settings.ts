import { resolveKcpConfig, SegmentPool } from '../kcp/index.ts';
import type { LoginSessionsConfig, SessionGroupConfig } from '../endpoint/index.ts';
import { SEALED_OVERHEAD_BYTES } from '../wire/sealed-header.ts';
import type { KcpUdpListenerConfig, SessionsConfig } from './config/config.ts';

/** Sessions without login, of one listener. */
export function anonymousSessions(config: KcpUdpListenerConfig): SessionGroupConfig {
  const { preset, mtu, sendWindow, receiveWindow, deadLink, maxQueueBytes } = config;
  return {
    // Each session gets its own `conv` and mode.
    kcp: resolveKcpConfig({ conv: 0, preset, mtu, sendWindow, receiveWindow, deadLink, maxQueueBytes }),
    session: sessionTimes(config.idleTimeoutMs),
    admission: config,
    pool: poolOf(mtu, config.maxMemoryBytes),
  };
}

/** Sessions that logged in, on all lines. */
export function loginSessions(
  config: SessionsConfig,
  maxSessionsPerSubject: number | null,
): LoginSessionsConfig {
  const { preset, mtu, sendWindow, receiveWindow, deadLink, maxQueueBytes, maxMessageBytes } = config;
  return {
    kcp: resolveKcpConfig({
      conv: 0,
      preset,
      mtu: mtu - SEALED_OVERHEAD_BYTES,
      sendWindow,
      receiveWindow,
      deadLink,
      maxQueueBytes,
      maxMessageBytes,
    }),
    session: { ...sessionTimes(config.idleTimeoutMs), copyBytesPerSecond: config.copyBytesPerSecond },
    admission: config,
    pool: poolOf(mtu, config.maxMemoryBytes),
    maxHalfOpen: config.maxHalfOpen,
    ...(maxSessionsPerSubject === null ? {} : { maxSessionsPerSubject }),
  };
}

/** A gateway asks nobody for signs of life: clients do that. */
function sessionTimes(idleTimeoutMs: number): SessionGroupConfig['session'] {
  return { idleTimeoutMs, keepAliveMs: 0, closeTimeoutMs: CLOSE_TIMEOUT_MS, lingerMs: LINGER_MS };
}

function poolOf(mtu: number, maxBytes: number): SegmentPool {
  return new SegmentPool({ slotBytes: Math.max(MIN_SLOT_BYTES, mtu), maxBytes });
}

/** Room for the payload of any peer on an Ethernet MTU, whatever MTU this side uses. */
const MIN_SLOT_BYTES = 1536;
/** How long a closing session may take to get its last data across. */
const CLOSE_TIMEOUT_MS = 5_000;
/** How long late packets of a closed session are recognised; longer than any usual path holds one. */
const LINGER_MS = 10_000;
