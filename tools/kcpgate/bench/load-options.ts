import type { KcpPresetName } from '../../../src/kcp/index.ts';

/** What every scenario can be told. Each uses what concerns it. */
export interface LoadOptions {
  /**
   * How much comes before what is measured, as a share of it: programs that are compiled while they run are slow at first.
   * For `stream`, `pingpong` and `fleet`.
   */
  readonly warmUp: number;
  readonly preset: KcpPresetName;
  /** Bytes of UDP payload. */
  readonly mtu: number;
  /** Send and receive window on both sides, in segments. */
  readonly window: number;
  /** `stream`: MiB sent and echoed, all streams together. */
  readonly mib: number;
  /** `stream`: how many at once, each on a socket of its own; only our client can do more than one. */
  readonly streams: number;
  /** `stream`: hash what comes back, too. */
  readonly sha256: boolean;
  /** `pingpong`: echoes, one after the other. */
  readonly echoes: number;
  /** `pingpong`, `fleet`: bytes of an echo, at least 8. */
  readonly sizeBytes: number;
  /** `fleet`. */
  readonly fleetSessions: number;
  /** `fleet`: echoes a second of each session. */
  readonly echoesPerSecond: number;
  /** `fleet`. */
  readonly fleetSeconds: number;
  /** `idle`. */
  readonly idleSessions: number;
  /** `idle`. */
  readonly idleSeconds: number;
  /** `engine`: segments carried and acknowledged. */
  readonly segments: number;
  /** `alloc`: datagrams received by the two sides together; `aead`: datagrams sealed and opened for each figure. */
  readonly packets: number;
  /** Our server: `common.workers` of its configuration. */
  readonly workers: number;
  /** Our server: not a gateway but the worker-pool model with so many threads; 0 is a gateway. */
  readonly poolThreads: number;
  readonly seed: number;
  /** A run that takes longer has failed. */
  readonly timeoutMs: number;
}

export const DEFAULT_LOAD: LoadOptions = {
  warmUp: 0.5,
  preset: 'fast3',
  mtu: 1400,
  window: 1024,
  mib: 300,
  streams: 1,
  sha256: false,
  echoes: 5000,
  sizeBytes: 64,
  fleetSessions: 500,
  echoesPerSecond: 20,
  fleetSeconds: 5,
  idleSessions: 50_000,
  idleSeconds: 10,
  segments: 2_000_000,
  packets: 200_000,
  workers: 1,
  poolThreads: 0,
  seed: 1,
  timeoutMs: 120_000,
};
