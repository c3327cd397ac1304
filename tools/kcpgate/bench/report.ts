import type { AllocResult } from './alloc-scenario.ts';
import type { PairScenario } from './contenders.ts';
import type { LoadOptions } from './load-options.ts';
import type { MachineFacts } from './machine.ts';
import type { Measures } from './measure.ts';
import type { NativeStatus } from '../../../src/gateway/gateway-status.ts';
import type { Spread } from './summary.ts';

export const SCENARIOS = [
  'stream',
  'pingpong',
  'fleet',
  'idle',
  'sealed-stream',
  'sealed-fleet',
  'sealed-idle',
  'carriers',
  'handshake',
  'login',
  'junk',
  'latency',
  'front',
  'engine',
  'aead',
  'alloc',
  'inspect',
  'workers',
  'models',
] as const satisfies readonly (
  PairScenario | 'latency' | 'front' | 'engine' | 'aead' | 'alloc' | 'inspect'
)[];
export type ScenarioName = (typeof SCENARIOS)[number];

/** What is run when no scenario is named. */
export const DEFAULT_SCENARIOS: readonly ScenarioName[] = [
  'stream',
  'pingpong',
  'fleet',
  'idle',
  'sealed-stream',
  'sealed-fleet',
  'handshake',
  'login',
  'junk',
  'engine',
  'aead',
];

/** One contender's runs of one scenario. */
export interface ContenderResult extends Spread {
  /** Which programs: `kcpgate`, `kcpgate (JavaScript)`, `kcp-go`, `kcp-go -> kcpgate` (client -> server), or a variant. */
  readonly contender: string;
  readonly runs: readonly Measures[];
  /** Its medians divided by those of the scenario's reference; empty for the reference and without one. */
  readonly ratios: Measures;
  /** What became of the addon in our server; not there when the server is not ours. */
  readonly native?: NativeStatus;
  /** The addon was to be used and was not: these are figures of JavaScript. */
  readonly isWithoutNative?: true;
}

export interface ScenarioReport {
  readonly scenario: ScenarioName;
  /** The contender that ratios are to; it may not have taken part. */
  readonly reference: string;
  readonly results: readonly ContenderResult[];
  /** Only of `alloc`: who allocates, in the last run. */
  readonly allocationSites?: AllocResult['sites'];
}

/** What `kcpgate bench --json` prints. */
export interface BenchReport {
  readonly machine: MachineFacts;
  readonly runs: number;
  readonly load: LoadOptions;
  readonly scenarios: readonly ScenarioReport[];
}
