import { cpus } from 'node:os';
import { runAllocScenario, type AllocResult } from './alloc-scenario.ts';
import { runEngineScenario } from './engine-scenario.ts';
import { buildKcpGoPeer } from './kcp-go-peer.ts';
import type { LoadOptions } from './load-options.ts';
import type { Measures } from './measure.ts';
import { runPair } from './pair-run.ts';
import { median } from './percentile.ts';
import type { BenchReport, Pairing, PairingResult, ScenarioName, ScenarioReport } from './report.ts';
import { kcpGateStack, kcpGoStack, type PairScenario, type Stack } from './stack.ts';

export interface BenchPlan {
  readonly scenarios: readonly ScenarioName[];
  /** Runs of each scenario and pairing; `idle` takes long, varies little, and is run once. */
  readonly runs: number;
  /** The implementation to compare with, in the same run. */
  readonly peer: 'kcp-go' | undefined;
  readonly load: LoadOptions;
}

/** Told before each run. */
export type OnProgress = (done: number, total: number, label: string) => void;

/**
 * Runs the plan: for each scenario the pairings take turns (A B A B ...), so that what else the machine does falls on all
 * of them.
 * @throws Error when the peer cannot be built or a run fails.
 */
export async function runBench(plan: BenchPlan, onProgress: OnProgress): Promise<BenchReport> {
  const peer = plan.peer === undefined ? undefined : await buildKcpGoPeer();
  try {
    const contenders = contendersOf(peer?.executable);
    const total = plan.scenarios.reduce(
      (sum, name) => sum + runsOf(name, plan) * contendersIn(name, contenders).length,
      0,
    );
    let done = 0;
    const scenarios: ScenarioReport[] = [];
    for (const scenario of plan.scenarios) {
      const taking = contendersIn(scenario, contenders);
      const outcomes = taking.map((contender) => ({ contender, runs: [] as Outcome[] }));
      const runs = runsOf(scenario, plan);
      for (let run = 1; run <= runs; run++) {
        for (const { contender, runs: finished } of outcomes) {
          onProgress(done++, total, `${scenario}: ${contender.pairing}, run ${run} of ${runs}`);
          finished.push(await runOnce(scenario, contender, plan.load));
        }
      }
      scenarios.push(reportOf(scenario, outcomes));
    }
    onProgress(total, total, '');
    const processors = cpus();
    return {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cpu: processors[0]?.model ?? 'unknown',
      cpus: processors.length,
      runs: plan.runs,
      load: plan.load,
      scenarios,
    };
  } finally {
    peer?.remove();
  }
}

function runsOf(scenario: ScenarioName, { runs }: BenchPlan): number {
  return scenario === 'idle' ? 1 : runs;
}

interface Contender {
  readonly pairing: Pairing;
  readonly client: Stack;
  readonly server: Stack;
}

interface Outcome {
  readonly measures: Measures;
  readonly sites?: AllocResult['sites'];
}

function contendersOf(kcpGoExecutable: string | undefined): Contender[] {
  const ours = kcpGateStack();
  const alone: Contender[] = [{ pairing: 'kcpgate', client: ours, server: ours }];
  if (kcpGoExecutable === undefined) return alone;
  const theirs = kcpGoStack(kcpGoExecutable);
  return [
    ...alone,
    { pairing: 'kcp-go', client: theirs, server: theirs },
    { pairing: 'kcp-go -> kcpgate', client: theirs, server: ours },
  ];
}

/** kcp-go shows nothing of its engine alone, and its idle client holds too few sessions to say much about our server. */
function contendersIn(scenario: ScenarioName, contenders: readonly Contender[]): readonly Contender[] {
  if (scenario === 'engine' || scenario === 'alloc') return contenders.slice(0, 1);
  return scenario === 'idle' ? contenders.slice(0, 2) : contenders;
}

async function runOnce(scenario: ScenarioName, contender: Contender, load: LoadOptions): Promise<Outcome> {
  switch (scenario) {
    case 'engine': {
      const { nsPerSegment, bytesPerSegment, complete } = runEngineScenario(load);
      if (!complete) throw new Error('engine: segments are missing');
      return { measures: { nsPerSegment, bytesPerSegment } };
    }
    case 'alloc': {
      const { bytesPerPacket, sites, complete } = await runAllocScenario(load);
      if (!complete) throw new Error('alloc: the stream came back wrong');
      return { measures: { bytesPerPacket }, sites };
    }
    default:
      return { measures: await runNamedPair(scenario, contender, load) };
  }
}

async function runNamedPair(
  scenario: PairScenario,
  { pairing, client, server }: Contender,
  load: LoadOptions,
): Promise<Measures> {
  try {
    return await runPair(scenario, client, server, load);
  } catch (error) {
    throw new Error(`${scenario}, ${pairing}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function reportOf(
  scenario: ScenarioName,
  outcomes: readonly { readonly contender: Contender; readonly runs: readonly Outcome[] }[],
): ScenarioReport {
  const results = outcomes.map(({ contender: { pairing }, runs }) =>
    resultOf(
      pairing,
      runs.map(({ measures }) => measures),
    ),
  );
  const sites = outcomes[0]?.runs.at(-1)?.sites;
  return {
    scenario,
    results,
    ratios: ratiosOf(results),
    ...(sites !== undefined && { allocationSites: sites }),
  };
}

function resultOf(pairing: Pairing, runs: readonly Measures[]): PairingResult {
  const names = Object.keys(runs[0] ?? {});
  const middle = names.map((name) => [name, median(runs.map((run) => run[name] ?? NaN))] as const);
  return { pairing, runs, median: Object.fromEntries(middle) };
}

function ratiosOf(results: readonly PairingResult[]): Measures {
  const ours = results.find(({ pairing }) => pairing === 'kcpgate')?.median ?? {};
  const theirs = results.find(({ pairing }) => pairing === 'kcp-go')?.median ?? {};
  const ratios: Record<string, number> = {};
  for (const [name, value] of Object.entries(ours)) {
    const other = theirs[name];
    if (other !== undefined && other > 0) ratios[name] = value / other;
  }
  return ratios;
}
