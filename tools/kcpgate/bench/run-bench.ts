import { aeadMeasures } from './aead-measures.ts';
import { runAead } from './aead-scenario.ts';
import type { NativeStatus } from '../../../src/gateway/gateway-status.ts';
import { runAllocScenario, type AllocResult } from './alloc-scenario.ts';
import {
  contendersOf,
  loadsOf,
  nameOfOurs,
  ownLoadOf,
  placementOf,
  referenceOf,
  type Contender,
  type Stacks,
} from './contenders.ts';
import { runEngineScenario } from './engine-scenario.ts';
import { FRONT_CONTENDERS, runFront } from './front/front-scenario.ts';
import { buildKcpGoPeer } from './kcp-go-peer.ts';
import { latencyContenders, runLatency } from './latency/latency-scenario.ts';
import { InspectBench } from './inspect-scenario.ts';
import type { LoadOptions } from './load-options.ts';
import { machineFacts } from './machine.ts';
import type { Measures } from './measure.ts';
import { ownNativeStatus } from './native-status.ts';
import { runPair } from './pair-run.ts';
import type { BenchReport, ContenderResult, ScenarioName, ScenarioReport } from './report.ts';
import { profileServer } from './server-profile.ts';
import { kcpGateStack, kcpGoStack } from './stack.ts';
import { ratiosTo, spreadOf } from './summary.ts';

export interface BenchPlan {
  readonly scenarios: readonly ScenarioName[];
  /** Runs of each scenario and contender; `idle` and `sealed-idle` take long, vary little, and are run once. */
  readonly runs: number;
  /** The implementation to compare with, in the same run. */
  readonly peer: 'kcp-go' | undefined;
  /** Our programs: with the addon, without it, or both; at least one. */
  readonly native: readonly boolean[];
  readonly load: LoadOptions;
  /** Where profiles of the servers go. */
  readonly profileFolder: string | undefined;
}

/** Told before each run. */
export type OnProgress = (done: number, total: number, label: string) => void;

/**
 * Runs the plan: for each scenario the contenders take turns (A B C A B C ...), so that what else the machine does falls
 * on all of them.
 * @throws Error when the peer cannot be built or a run fails.
 */
export async function runBench(plan: BenchPlan, onProgress: OnProgress): Promise<BenchReport> {
  const peer = plan.peer === undefined ? undefined : await buildKcpGoPeer();
  let races: readonly Race[] = [];
  try {
    const stacks = {
      ours: plan.native.map((native) => kcpGateStack(native)),
      kcpGo: peer === undefined ? undefined : kcpGoStack(peer.executable),
    };
    races = plan.scenarios.map((name) => raceOf(name, plan, stacks, peer?.executable));
    const total = races.reduce((sum, { runs, entrants }) => sum + runs * entrants.length, 0);
    let done = 0;
    const scenarios: ScenarioReport[] = [];
    for (const race of races) {
      for (let run = 1; run <= race.runs; run++) {
        for (const entrant of race.entrants) {
          onProgress(done++, total, `${race.scenario}: ${entrant.name}, run ${run} of ${race.runs}`);
          entrant.outcomes.push(await attempt(race.scenario, entrant, run));
        }
      }
      scenarios.push(reportOf(race));
    }
    onProgress(total, total, '');
    return { machine: machineFacts(peer !== undefined), runs: plan.runs, load: plan.load, scenarios };
  } finally {
    for (const race of races) race.close?.();
    peer?.remove();
  }
}

/** One scenario, all who take part, and what came of it so far. */
interface Race {
  readonly scenario: ScenarioName;
  readonly reference: string;
  readonly runs: number;
  readonly entrants: readonly Entrant[];
  /** Deletes what the entrants share. */
  close?(): void;
}

interface Entrant {
  readonly name: string;
  /** Whether the addon is to be used; undefined where that is no question. */
  readonly native: boolean | undefined;
  readonly outcomes: Outcome[];
  run(run: number): Promise<Outcome>;
}

interface Outcome {
  readonly measures: Measures;
  readonly native?: NativeStatus | undefined;
  readonly sites?: AllocResult['sites'];
}

function raceOf(scenario: ScenarioName, plan: BenchPlan, stacks: Stacks, kcpGo: string | undefined): Race {
  const alone = (run: () => Outcome | Promise<Outcome>): Race => ({
    scenario,
    reference: '',
    runs: plan.runs,
    entrants: [{ name: 'kcpgate', native: undefined, outcomes: [], run: () => Promise.resolve(run()) }],
  });
  switch (scenario) {
    case 'engine':
      return alone(() => runEngine(plan.load));
    case 'alloc':
      return alone(() => runAlloc(plan.load));
    case 'latency':
      return {
        scenario,
        reference: 'kcp-go',
        runs: plan.runs,
        entrants: latencyContenders(kcpGo).map((contender) => ({
          name: contender.name,
          native: undefined,
          outcomes: [],
          run: async (run) => ({ measures: await runLatency(contender, plan.load, run) }),
        })),
      };
    case 'front':
      return {
        scenario,
        reference: 'UDP',
        runs: plan.runs,
        entrants: FRONT_CONTENDERS.map((contender) => ({
          name: contender.name,
          native: undefined,
          outcomes: [],
          run: async () => ({ measures: await runFront(contender, plan.load) }),
        })),
      };
    case 'inspect':
      return inspectRace(plan);
    case 'aead':
      return {
        scenario,
        reference: 'kcpgate (JavaScript)',
        runs: plan.runs,
        entrants: plan.native.map((native) => ({
          name: nameOfOurs(native),
          native,
          outcomes: [],
          run: () => Promise.resolve(aeadOutcome(native, plan.load)),
        })),
      };
    default:
      return {
        scenario,
        reference: referenceOf(scenario),
        runs: isIdle(scenario) ? 1 : plan.runs,
        entrants: contendersOf(scenario, stacks).map((contender) => ({
          name: contender.name,
          native: contender.server.native,
          outcomes: [],
          run: (run) => runLoads(scenario, contender, plan, run),
        })),
      };
  }
}

function inspectRace({ runs, load }: BenchPlan): Race {
  const bench = new InspectBench(load);
  return {
    scenario: 'inspect',
    reference: 'tshark',
    runs,
    entrants: bench.contenders.map((contender) => ({
      name: contender.name,
      native: undefined,
      outcomes: [],
      run: async () => ({ measures: await bench.run(contender) }),
    })),
    close: () => bench.close(),
  };
}

async function attempt(scenario: ScenarioName, entrant: Entrant, run: number): Promise<Outcome> {
  try {
    return await entrant.run(run);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${scenario}, ${entrant.name}: ${reason}`, { cause: error });
  }
}

async function runLoads(
  scenario: Parameters<typeof loadsOf>[0],
  { name, client, server, load: ownLoad }: Contender,
  plan: BenchPlan,
  run: number,
): Promise<Outcome> {
  const load = { ...plan.load, ...ownLoadOf(scenario), ...ownLoad };
  const kinds = loadsOf(scenario);
  const placement = placementOf(scenario);
  let measures: Measures = {};
  let native: NativeStatus | undefined;
  for (const kind of kinds) {
    const fileName = [scenario, ...(kinds.length > 1 ? [kind] : []), slugOf(name), run].join('.');
    const profile =
      plan.profileFolder === undefined ? undefined : profileServer(plan.profileFolder, fileName);
    const outcome = await runPair({ kind, client, server, load, placement, profile });
    measures = { ...measures, ...outcome.measures };
    ({ native } = outcome);
  }
  return { measures, native };
}

function isIdle(scenario: Parameters<typeof loadsOf>[0]): boolean {
  return loadsOf(scenario).includes('idle');
}

function runEngine(load: LoadOptions): Outcome {
  const { nsPerSegment, bytesPerSegment, complete } = runEngineScenario(load);
  if (!complete) throw new Error('segments are missing');
  return { measures: { nsPerSegment, bytesPerSegment } };
}

function aeadOutcome(native: boolean, { packets }: LoadOptions): Outcome {
  const measures = aeadMeasures(runAead(packets), native ? 'native' : 'node');
  return { measures, native: ownNativeStatus() };
}

async function runAlloc(load: LoadOptions): Promise<Outcome> {
  const { bytesPerPacket, sites, complete } = await runAllocScenario(load);
  if (!complete) throw new Error('the stream came back wrong');
  return { measures: { bytesPerPacket }, sites };
}

function reportOf({ scenario, reference, entrants }: Race): ScenarioReport {
  const summaries = entrants.map((entrant) => ({
    entrant,
    ...spreadOf(entrant.outcomes.map(({ measures }) => measures)),
  }));
  const referenceMedian = summaries.find(({ entrant }) => entrant.name === reference)?.median;
  const results = summaries.map(
    ({ entrant: { name, native: wanted, outcomes }, ...spread }): ContenderResult => {
      const native = outcomes.at(-1)?.native;
      const isReference = referenceMedian === undefined || name === reference;
      return {
        contender: name,
        runs: outcomes.map(({ measures }) => measures),
        ...spread,
        ratios: isReference ? {} : ratiosTo(referenceMedian, spread.median),
        ...(native !== undefined && { native }),
        ...(wanted === true &&
          native !== undefined &&
          native.status !== 'loaded' && { isWithoutNative: true }),
      };
    },
  );
  const sites = entrants[0]?.outcomes.at(-1)?.sites;
  return { scenario, reference, results, ...(sites !== undefined && { allocationSites: sites }) };
}

/** A name for files: `kcp-go -> kcpgate (JavaScript)` is `kcp-go-kcpgate-javascript`. */
function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
