import type { KcpPresetName } from '../../../src/kcp/index.ts';
import type { LineTransport } from '../../../src/client/node/index.ts';

/** What every scenario can be told. Each uses what concerns it. */
export interface LoadOptions {
  /**
   * How much comes before what is measured, as a share of it: programs that are compiled while they run are slow at first.
   * Not for `idle`.
   */
  readonly warmUp: number;
  readonly preset: KcpPresetName;
  /** Bytes of UDP payload. */
  readonly mtu: number;
  /** Send and receive window on both sides, in segments. */
  readonly window: number;
  /** Sessions log in and are sealed; with kcp-go: its `aes-128`. `handshake`, `login` and `junk` do in any case. */
  readonly sealed: boolean;
  /** What carries sealed sessions. */
  readonly line: Exclude<LineTransport, 'wss'>;
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
  /** `handshake`: sessions opened. */
  readonly handshakes: number;
  /** `login`: logins over connections that are kept; a fifth of it over a new connection each. */
  readonly logins: number;
  /** `junk`: live sessions beside the flood, each with `echoesPerSecond`. */
  readonly junkSessions: number;
  /** `junk`: how long the flood is. */
  readonly junkSeconds: number;
  /** `flood`: conversations that are open. */
  readonly liveConvs: readonly number[];
  /** `latency`: how long messages are sent. */
  readonly latencySeconds: number;
  /** `front`: sessions with `echoesPerSecond` each, for so long. */
  readonly frontSessions: number;
  readonly frontSeconds: number;
  /** `engine`: segments carried and acknowledged. */
  readonly segments: number;
  /** `alloc`: datagrams received by the two sides together; `aead`: datagrams sealed and opened for each figure. */
  readonly packets: number;
  /** `inspect`: size of the capture, in 10^6 bytes. */
  readonly captureMegabytes: number;
  /** Our server: `common.workers` of its configuration. */
  readonly workers: number;
  /** Our server: its limits against floods are those a configuration has by default, instead of none. */
  readonly defaultLimits: boolean;
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
  sealed: false,
  line: 'udp',
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
  handshakes: 10_000,
  logins: 10_000,
  junkSessions: 100,
  junkSeconds: 1,
  liveConvs: [],
  latencySeconds: 60,
  frontSessions: 100,
  frontSeconds: 5,
  segments: 2_000_000,
  packets: 200_000,
  captureMegabytes: 1000,
  workers: 1,
  defaultLimits: false,
  poolThreads: 0,
  seed: 1,
  timeoutMs: 120_000,
};
