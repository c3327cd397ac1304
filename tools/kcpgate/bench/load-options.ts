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
  /** `stream`: MiB sent and echoed. */
  readonly mib: number;
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
  /** `alloc`: datagrams received by the two sides together. */
  readonly packets: number;
  readonly seed: number;
  /** A run that takes longer has failed. */
  readonly timeoutMs: number;
}

export const DEFAULT_LOAD: LoadOptions = {
  warmUp: 0.5,
  preset: 'fast3',
  mtu: 1400,
  window: 1024,
  mib: 100,
  sha256: false,
  echoes: 5000,
  sizeBytes: 64,
  fleetSessions: 500,
  echoesPerSecond: 20,
  fleetSeconds: 5,
  idleSessions: 10_000,
  idleSeconds: 10,
  segments: 2_000_000,
  packets: 200_000,
  seed: 1,
  timeoutMs: 120_000,
};
