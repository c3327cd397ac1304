import { NEVER } from '../base/clock.ts';
import type { KcpEngine } from '../kcp/index.ts';
import type { Liveness } from './liveness.ts';
import type { Traffic } from './traffic.ts';

/**
 * What a session can tell of how it fares on the path in use, without sending anything: plain numbers for whoever decides
 * about lines. Counters only grow; times are the host's ms.
 */
export interface LinkSignals {
  /** Smoothed round trip in ms; 0 before the first sample. */
  readonly srttMs: number;
  /** Its mean deviation in ms. */
  readonly rttvarMs: number;
  /** The retransmission timeout in ms, without the growth that follows timeouts. */
  readonly rtoMs: number;
  /** When an authentic datagram came last, on any path. */
  readonly heardAt: number;
  /** When one came last on the path in use; when that became the path in use, before the first. */
  readonly heardHereAt: number;
  /** Since when something that was sent waits to be acknowledged and nothing was; NEVER when nothing is in flight. */
  readonly stalledSince: number;
  /** When data was last sent for the first time, or came. */
  readonly activeAt: number;
  /** Data segments sent, repeats included, and how many of those were repeats because of a timeout or a gap. */
  readonly segmentsSent: number;
  readonly timeoutRetransmits: number;
  readonly fastRetransmits: number;
  /** Bytes of datagrams, both ways, as far as the session sees them. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** @param activeAt when data was last sent for the first time, or came. */
export function readLinkSignals(
  engine: KcpEngine,
  { heardAt, heardHereAt, pathSince }: Liveness,
  { sentBytes, receivedBytes }: Traffic,
  activeAt: number,
): LinkSignals {
  const { stalledSince } = engine;
  const { srttMs, rttvarMs, rtoMs, segmentsSent, timeoutRetransmits, fastRetransmits } = engine.stats();
  return {
    ...{ srttMs, rttvarMs, rtoMs, segmentsSent, timeoutRetransmits, fastRetransmits },
    ...{ heardAt, heardHereAt },
    // What waits since before the last move says nothing of the path that is in use now.
    stalledSince: stalledSince === NEVER ? NEVER : Math.max(stalledSince, pathSince),
    ...{ activeAt, sentBytes, receivedBytes },
  };
}
