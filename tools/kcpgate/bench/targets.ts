import type { Measures } from './measure.ts';
import type { BenchReport, ScenarioName } from './report.ts';

/** Something the project holds itself to. */
interface Target {
  readonly scenario: ScenarioName;
  readonly label: string;
  readonly figure: string;
  readonly contender: string;
  /** Left out: the figure itself counts, not a ratio. */
  readonly reference?: string;
  readonly min?: number;
  readonly max?: number;
}

/** A target and what was measured. */
export interface TargetVerdict {
  readonly label: string;
  /** As it is to be read: `>= 4.5 x`. */
  readonly bound: string;
  /** Undefined: this report does not tell. */
  readonly value: number | undefined;
  readonly isMet: boolean | undefined;
}

/** Judges a report by every target, in a fixed order. A target of a scenario that did not run has no value. */
export function judgeTargets(report: BenchReport): TargetVerdict[] {
  return TARGETS.map((target) => {
    const value = valueOf(target, report);
    const { label, min, max } = target;
    const unit = target.reference === undefined ? '' : ' x';
    const bound = min === undefined ? `<= ${String(max)}${unit}` : `>= ${min}${unit}`;
    const isMet = value === undefined ? undefined : value >= (min ?? -Infinity) && value <= (max ?? Infinity);
    return { label, bound, value, isMet };
  });
}

function valueOf(
  { scenario, figure, contender, reference }: Target,
  report: BenchReport,
): number | undefined {
  const results = report.scenarios.find((candidate) => candidate.scenario === scenario)?.results ?? [];
  const medianOf = (name: string): Measures | undefined =>
    results.find((result) => result.contender === name && result.isWithoutNative === undefined)?.median;
  const value = medianOf(contender)?.[figure];
  if (reference === undefined || value === undefined) return value;
  const other = medianOf(reference)?.[figure];
  return other === undefined || other === 0 ? undefined : value / other;
}

const KCP_GO = 'kcp-go';
const SEALED_KCP_GO = 'kcp-go, aes-128';
const STOCK_CLIENT = 'kcp-go -> kcpgate';

const TARGETS: readonly Target[] = [
  {
    scenario: 'stream',
    label: 'stream: MiB/s',
    figure: 'mibPerSecond',
    contender: 'kcpgate',
    reference: KCP_GO,
    min: 4.5,
  },
  {
    scenario: 'stream',
    label: 'stream: server CPU per 100 MiB',
    figure: 'serverCpuSecondsPer100Mib',
    contender: 'kcpgate',
    reference: KCP_GO,
    max: 0.3,
  },
  {
    scenario: 'stream',
    label: 'stream: server CPU per 100 MiB, client kcp-go',
    figure: 'serverCpuSecondsPer100Mib',
    contender: STOCK_CLIENT,
    reference: KCP_GO,
    max: 0.6,
  },
  {
    scenario: 'stream',
    label: 'stream: MiB/s without the addon',
    figure: 'mibPerSecond',
    contender: 'kcpgate (JavaScript)',
    reference: KCP_GO,
    min: 1,
  },
  {
    scenario: 'fleet',
    label: 'fleet: server CPU per echo, client kcp-go',
    figure: 'serverCpuMicrosecondsPerEcho',
    contender: STOCK_CLIENT,
    reference: KCP_GO,
    max: 0.5,
  },
  {
    scenario: 'fleet',
    label: 'fleet: latency p99, client kcp-go',
    figure: 'latencyP99Ms',
    contender: STOCK_CLIENT,
    reference: KCP_GO,
    max: 1,
  },
  {
    scenario: 'sealed-stream',
    label: 'sealed-stream: MiB/s',
    figure: 'mibPerSecond',
    contender: 'kcpgate',
    reference: KCP_GO,
    min: 4,
  },
  {
    scenario: 'sealed-stream',
    label: 'sealed-stream: server CPU per 100 MiB',
    figure: 'serverCpuSecondsPer100Mib',
    contender: 'kcpgate',
    reference: KCP_GO,
    max: 0.35,
  },
  {
    scenario: 'handshake',
    label: 'handshake: sessions opened per server CPU-s',
    figure: 'sessionsPerServerCpuSecond',
    contender: 'kcpgate',
    min: 5000,
  },
  {
    scenario: 'login',
    label: 'login: logins per server CPU-s',
    figure: 'loginsPerServerCpuSecond',
    contender: 'kcpgate',
    min: 2000,
  },
  {
    scenario: 'junk',
    label: 'junk: server CPU-us per datagram',
    figure: 'serverCpuMicrosecondsPerJunk',
    contender: 'kcpgate',
    max: 1.5,
  },
  {
    scenario: 'junk',
    label: 'junk: latency p99 of live sessions, times that before',
    figure: 'floodedLatencyP99Growth',
    contender: 'kcpgate',
    max: 2,
  },
  {
    scenario: 'latency',
    label: 'latency: p99 over a path of 50 ms, 5 % loss',
    figure: 'latencyP99Ms',
    contender: 'kcpgate',
    reference: SEALED_KCP_GO,
    max: 0.9,
  },
  {
    scenario: 'latency',
    label: 'latency: bytes for that',
    figure: 'wireKib',
    contender: 'kcpgate',
    reference: SEALED_KCP_GO,
    max: 1,
  },
  {
    scenario: 'latency',
    label: 'latency: p99, neither encrypted',
    figure: 'latencyP99Ms',
    contender: 'kcpgate, clear',
    reference: KCP_GO,
    max: 0.9,
  },
  {
    scenario: 'latency',
    label: 'latency: bytes for that',
    figure: 'wireKib',
    contender: 'kcpgate, clear',
    reference: KCP_GO,
    max: 1,
  },
  {
    scenario: 'latency',
    label: 'latency: p99 on two lines',
    figure: 'latencyP99Ms',
    contender: 'kcpgate, two lines',
    reference: SEALED_KCP_GO,
    max: 0.5,
  },
  {
    scenario: 'aead',
    label: 'aead: us to seal 1400 bytes',
    figure: 'sealMicroseconds',
    contender: 'kcpgate',
    max: 0.8,
  },
  {
    scenario: 'aead',
    label: 'aead: us to open 1400 bytes',
    figure: 'openMicroseconds',
    contender: 'kcpgate',
    max: 0.8,
  },
  {
    scenario: 'idle',
    label: 'idle: server RSS per session, KiB',
    figure: 'kibPerSession',
    contender: 'kcpgate',
    max: 3,
  },
  {
    scenario: 'idle',
    label: 'idle: server CPU, % of a core',
    figure: 'cpuPercent',
    contender: 'kcpgate',
    max: 1,
  },
  {
    scenario: 'engine',
    label: 'engine: ns per segment',
    figure: 'nsPerSegment',
    contender: 'kcpgate',
    max: 1000,
  },
];
