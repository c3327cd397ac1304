import type { AllocResult } from './alloc-scenario.ts';
import type { LoadOptions } from './load-options.ts';
import type { Measures } from './measure.ts';

export const SCENARIOS = ['stream', 'pingpong', 'fleet', 'idle', 'engine', 'alloc'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** What is run when no scenario is named. */
export const DEFAULT_SCENARIOS: readonly ScenarioName[] = ['stream', 'pingpong', 'fleet', 'idle', 'engine'];

/** Which programs a result is of: both sides one implementation, or a client of the peer at our server. */
export type Pairing = 'kcpgate' | 'kcp-go' | 'kcp-go -> kcpgate';

/** One pairing's runs of one scenario. */
export interface PairingResult {
  readonly pairing: Pairing;
  readonly runs: readonly Measures[];
  /** Of each figure over the runs. */
  readonly median: Measures;
}

export interface ScenarioReport {
  readonly scenario: ScenarioName;
  readonly results: readonly PairingResult[];
  /** Median of `kcpgate` divided by median of `kcp-go`, for every figure that both have; empty without a peer. */
  readonly ratios: Measures;
  /** Only of `alloc`: who allocates, in the last run. */
  readonly allocationSites?: AllocResult['sites'];
}

/** What `kcpgate bench --json` prints. */
export interface BenchReport {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly runs: number;
  readonly load: LoadOptions;
  readonly scenarios: readonly ScenarioReport[];
}
