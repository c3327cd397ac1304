import { DEFAULT_LOAD } from '../../../../../tools/kcpgate/bench/load-options.ts';
import type { Measures } from '../../../../../tools/kcpgate/bench/measure.ts';
import type {
  BenchReport,
  ContenderResult,
  ScenarioName,
  ScenarioReport,
} from '../../../../../tools/kcpgate/bench/report.ts';
import { ratiosTo, spreadOf } from '../../../../../tools/kcpgate/bench/summary.ts';

export function report(...scenarios: readonly ScenarioReport[]): BenchReport {
  return {
    machine: {
      node: 'v20.20.0',
      platform: 'linux x64',
      kernel: '6.1.0',
      cpu: 'Some CPU',
      cores: 2,
      memoryMib: 8192,
      receiveBufferLimitBytes: 212_992,
      kcpGo: '5.6.1',
    },
    runs: scenarios[0]?.results[0]?.runs.length ?? 0,
    load: DEFAULT_LOAD,
    scenarios,
  };
}

/** A scenario whose ratios are to kcp-go, made from the runs of each contender. */
export function scenario(
  name: ScenarioName,
  contenders: Readonly<Record<string, readonly Measures[]>>,
  more: Readonly<Record<string, Partial<ContenderResult>>> = {},
): ScenarioReport {
  const reference = spreadOf(contenders['kcp-go'] ?? []).median;
  return {
    scenario: name,
    reference: 'kcp-go',
    results: Object.entries(contenders).map(([contender, runs]) => ({
      contender,
      runs,
      ...spreadOf(runs),
      ratios: contender === 'kcp-go' ? {} : ratiosTo(reference, spreadOf(runs).median),
      ...more[contender],
    })),
  };
}
