/** Named figures of one run. */
export type Measures = Readonly<Record<string, number>>;

/** How a figure is shown and judged. */
export interface MeasureInfo {
  readonly label: string;
  readonly digits: number;
  /** Left out: neither is better. */
  readonly better?: 'higher' | 'lower';
  /** What the project holds itself to, in the figure's unit; for a ratio see `minRatio`. */
  readonly max?: number;
  /** Least share of the peer's figure. */
  readonly minRatio?: number;
}

/** Every figure there is, in the order in which it is shown. */
export const MEASURES: Readonly<Record<string, MeasureInfo>> = {
  mibPerSecond: { label: 'MiB/s', digits: 1, better: 'higher', minRatio: 0.9 },
  serverCpuSecondsPer100Mib: { label: 'server CPU-s per 100 MiB', digits: 3, better: 'lower' },
  clientCpuSecondsPer100Mib: { label: 'client CPU-s per 100 MiB', digits: 3, better: 'lower' },
  retransmits: { label: 'client retransmissions', digits: 0 },
  latencyP50Ms: { label: 'latency p50, ms', digits: 3, better: 'lower' },
  latencyP99Ms: { label: 'latency p99, ms', digits: 3, better: 'lower' },
  serverCpuMicrosecondsPerEcho: { label: 'server CPU-us per echo', digits: 1, better: 'lower' },
  clientCpuMicrosecondsPerEcho: { label: 'client CPU-us per echo', digits: 1, better: 'lower' },
  sessions: { label: 'sessions', digits: 0 },
  kibPerSession: { label: 'server RSS per session, KiB', digits: 2, better: 'lower', max: 6 },
  cpuPercent: { label: 'server CPU while idle, % of a core', digits: 2, better: 'lower', max: 1 },
  cpuPercentPer1000Sessions: { label: '... per 1000 sessions', digits: 3, better: 'lower' },
  nsPerSegment: { label: 'ns per segment', digits: 0, better: 'lower', max: 1000 },
  bytesPerSegment: { label: 'bytes allocated per segment', digits: 2, better: 'lower' },
  bytesPerPacket: { label: 'bytes allocated per datagram', digits: 2, better: 'lower' },
};
