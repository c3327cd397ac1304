import { SeededRandom } from '../../src/base/seeded-random.ts';
import { Attacker, mutate, randomConfig } from './kcp-generator.ts';
import type { Operation, Program } from './kcp-program.ts';
import { KcpTarget } from './kcp-target.ts';

/** What one run of the fuzzer was asked to do. */
export interface FuzzOptions {
  /** The same seed and number of executions give the same programs. */
  readonly seed: number;
  readonly maxExecutions: number;
  /** Stops sooner when this much time has passed; default: never. */
  readonly maxSeconds?: number;
  /** Programs to start from. */
  readonly corpus: readonly Program[];
  /** Called now and then during a long run. */
  readonly onProgress?: (report: FuzzReport) => void;
}

/** A program that broke a promise, as small as it could be made. */
export interface Finding {
  readonly program: Program;
  readonly text: string;
}

/** A program that did something no program before it did, as small as it could be made. */
export interface Discovery {
  readonly program: Program;
  readonly feature: string;
}

export interface FuzzReport {
  executions: number;
  operations: number;
  elapsedMs: number;
  features: Set<string>;
  findings: Finding[];
  discoveries: Discovery[];
}

const MAX_OPERATIONS = 120;
const MAX_POOL_OF_PROGRAMS = 500;
const MAX_FINDINGS = 10;
const PROGRESS_EVERY = 5000;

/** Attacks the engine with made-up and mutated programs, and reports what it did. Findings are data, not exceptions. */
export function fuzz(options: FuzzOptions): FuzzReport {
  const random = new SeededRandom(options.seed);
  const startedAt = performance.now();
  const programs: Program[] = [...options.corpus];
  const report: FuzzReport = {
    executions: 0,
    operations: 0,
    elapsedMs: 0,
    features: new Set(),
    findings: [],
    discoveries: [],
  };
  for (const program of options.corpus) record(report, execute(program), programs);

  const maxMs = (options.maxSeconds ?? Infinity) * 1000;
  while (
    report.executions < options.maxExecutions &&
    report.elapsedMs < maxMs &&
    report.findings.length < MAX_FINDINGS
  ) {
    const parent =
      random.nextFloat() < 0.4 ? programs[random.nextInt(Math.max(1, programs.length))] : undefined;
    const execution = parent === undefined ? invent(random) : execute(mutate(random, parent));
    record(report, execution, programs);
    report.elapsedMs = performance.now() - startedAt;
    if (report.executions % PROGRESS_EVERY === 0) options.onProgress?.(report);
  }
  return report;
}

interface Execution {
  readonly program: Program;
  readonly features: ReadonlySet<string>;
  /** What went wrong, or undefined. */
  readonly failure: string | undefined;
}

/** Runs one program to its end or to its first broken promise. */
export function execute(program: Program): Execution {
  const target = new KcpTarget(program.config);
  const failure = failureOf(() => {
    for (const operation of program.operations) target.run(operation);
    target.finish();
  });
  return { program, features: target.features, failure };
}

/** Makes up a program while running it, so that it can aim at the state the engine is in. */
function invent(random: SeededRandom): Execution {
  const config = randomConfig(random);
  const target = new KcpTarget(config);
  const attacker = new Attacker(random, target);
  const operations: Operation[] = [];
  const length = 1 + random.nextInt(MAX_OPERATIONS);
  const failure = failureOf(() => {
    while (operations.length < length) {
      for (const operation of attacker.next()) {
        operations.push(operation);
        attacker.hear(target.run(operation));
      }
    }
    target.finish();
  });
  return { program: { config, operations }, features: target.features, failure };
}

function record(report: FuzzReport, execution: Execution, programs: Program[]): void {
  report.executions++;
  report.operations += execution.program.operations.length;
  if (execution.failure !== undefined) {
    const { failure } = execution;
    const program = minimise(execution.program, (smaller) => execute(smaller).failure === failure);
    if (!report.findings.some((finding) => finding.text === failure))
      report.findings.push({ program, text: failure });
    return;
  }
  for (const feature of execution.features) {
    if (report.features.has(feature)) continue;
    report.features.add(feature);
    const program = minimise(execution.program, (smaller) => {
      const { features, failure } = execute(smaller);
      return failure === undefined && features.has(feature);
    });
    report.discoveries.push({ program, feature });
    programs.push(execution.program);
  }
  if (report.executions % 50 === 0 && programs.length < MAX_POOL_OF_PROGRAMS)
    programs.push(execution.program);
}

/** Takes away operations, then bytes at the ends of datagrams, while what makes the program interesting stays. */
function minimise(program: Program, isStillInteresting: (smaller: Program) => boolean): Program {
  let best = program;
  for (
    let size = Math.ceil(best.operations.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < best.operations.length;) {
      const operations = best.operations.toSpliced(at, size);
      if (isStillInteresting({ ...best, operations })) best = { ...best, operations };
      else at += size;
    }
  }
  best.operations.forEach((operation, index) => {
    if (operation.kind !== 'datagram') return;
    for (let length = 0; length < operation.bytes.length; length += 4) {
      const shorter: Operation = { kind: 'datagram', bytes: operation.bytes.slice(0, length) };
      const smaller = { ...best, operations: best.operations.with(index, shorter) };
      if (!isStillInteresting(smaller)) continue;
      best = smaller;
      return;
    }
  });
  return best;
}

function failureOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
