/** Named figures of one run. */
export type Measures = Readonly<Record<string, number>>;

/** How a figure is shown. */
export interface MeasureInfo {
  readonly label: string;
  readonly digits: number;
  /** Left out: neither is better, and a ratio says nothing. */
  readonly better?: 'higher' | 'lower';
  /** In the JSON only. */
  readonly isDetail?: true;
}

/** Every figure there is, in the order in which it is shown. */
export const MEASURES: Readonly<Record<string, MeasureInfo>> = {
  mibPerSecond: { label: 'MiB/s', digits: 1, better: 'higher' },
  serverCpuSecondsPer100Mib: { label: 'server CPU-s per 100 MiB', digits: 3, better: 'lower' },
  serverUserCpuSecondsPer100Mib: { label: '... user', digits: 3, better: 'lower', isDetail: true },
  serverSystemCpuSecondsPer100Mib: { label: '... system', digits: 3, better: 'lower', isDetail: true },
  nginxCpuSecondsPer100Mib: { label: 'nginx CPU-s per 100 MiB', digits: 3, better: 'lower' },
  clientCpuSecondsPer100Mib: { label: 'client CPU-s per 100 MiB', digits: 3, better: 'lower' },
  clientUserCpuSecondsPer100Mib: { label: '... user', digits: 3, better: 'lower', isDetail: true },
  clientSystemCpuSecondsPer100Mib: { label: '... system', digits: 3, better: 'lower', isDetail: true },
  retransmits: { label: 'client retransmissions', digits: 0 },
  latencyP50Ms: { label: 'latency p50, ms', digits: 3, better: 'lower' },
  latencyP99Ms: { label: 'latency p99, ms', digits: 3, better: 'lower' },
  latencyMaxMs: { label: 'latency max, ms', digits: 3, better: 'lower', isDetail: true },
  serverCpuSecondsPer100kDatagrams: {
    label: 'server CPU-s per 100,000 datagrams',
    digits: 2,
    better: 'lower',
  },
  nginxCpuSecondsPer100kDatagrams: { label: 'nginx CPU-s per 100,000 datagrams', digits: 2, better: 'lower' },
  wireKib: { label: 'KiB on the wire, IP headers included', digits: 1, better: 'lower' },
  wirePackets: { label: '... packets', digits: 0, isDetail: true },
  wireShortestPacketBytes: { label: '... bytes of the shortest packet', digits: 0, isDetail: true },
  wireLeastLineShare: {
    label: '... packets of the least used line by those of the most used',
    digits: 2,
    isDetail: true,
  },
  echoesPerSecond: { label: 'echoes/s', digits: 0, better: 'higher', isDetail: true },
  serverCpuMicrosecondsPerEcho: { label: 'server CPU-us per echo', digits: 1, better: 'lower' },
  serverUserCpuMicrosecondsPerEcho: { label: '... user', digits: 1, better: 'lower', isDetail: true },
  serverSystemCpuMicrosecondsPerEcho: { label: '... system', digits: 1, better: 'lower', isDetail: true },
  clientCpuMicrosecondsPerEcho: { label: 'client CPU-us per echo', digits: 1, better: 'lower' },
  clientUserCpuMicrosecondsPerEcho: { label: '... user', digits: 1, better: 'lower', isDetail: true },
  clientSystemCpuMicrosecondsPerEcho: { label: '... system', digits: 1, better: 'lower', isDetail: true },
  sessionsPerServerCpuSecond: { label: 'sessions opened per server CPU-s', digits: 0, better: 'higher' },
  sessionsPerSecond: { label: 'sessions opened/s', digits: 0, better: 'higher' },
  clientCpuMicrosecondsPerSession: { label: 'client CPU-us per session', digits: 0, better: 'lower' },
  loginsPerServerCpuSecond: { label: 'logins per server CPU-s', digits: 0, better: 'higher' },
  loginsPerSecond: { label: 'logins/s', digits: 0, better: 'higher' },
  freshLoginsPerServerCpuSecond: {
    label: 'logins per server CPU-s, new connection each',
    digits: 0,
    better: 'higher',
  },
  freshLoginsPerSecond: { label: 'logins/s, new connection each', digits: 0, better: 'higher' },
  serverCpuMicrosecondsPerJunk: { label: 'server CPU-us per junk datagram', digits: 2, better: 'lower' },
  junkPerSecond: { label: 'junk datagrams sent/s', digits: 0 },
  junkLostPercent: { label: '... lost before the server read them, %', digits: 2 },
  calmLatencyP99Ms: { label: 'live echoes before: p99, ms', digits: 3, better: 'lower' },
  floodedLatencyP50Ms: { label: 'live echoes during: p50, ms', digits: 3, better: 'lower', isDetail: true },
  floodedLatencyP99Ms: { label: 'live echoes during: p99, ms', digits: 3, better: 'lower' },
  floodedLatencyP99Growth: { label: '... times p99 before', digits: 2, better: 'lower' },
  sessions: { label: 'sessions', digits: 0 },
  kibPerSession: { label: 'server RSS per session, KiB', digits: 2, better: 'lower' },
  cpuPercent: { label: 'server CPU while idle, % of a core', digits: 2, better: 'lower' },
  cpuPercentPer1000Sessions: { label: '... per 1000 sessions', digits: 3, better: 'lower' },
  nsPerSegment: { label: 'ns per segment', digits: 0, better: 'lower' },
  bytesPerSegment: { label: 'bytes allocated per segment', digits: 2, better: 'lower' },
  bytesPerPacket: { label: 'bytes allocated per datagram', digits: 2, better: 'lower' },
  captureMegabytesPerSecond: { label: 'MB of capture/s', digits: 0, better: 'higher' },
  peakMib: { label: 'memory at its peak, MiB', digits: 0, better: 'lower' },
  sealMicroseconds: { label: 'us to seal 1400 bytes, batch of 32', digits: 2, better: 'lower' },
  openMicroseconds: { label: 'us to open 1400 bytes, batch of 32', digits: 2, better: 'lower' },
  sealMicroseconds1000Keys: {
    label: 'us to seal 1400 bytes, batch of 32, 1000 keys',
    digits: 2,
    better: 'lower',
  },
  openMicroseconds1000Keys: {
    label: 'us to open 1400 bytes, batch of 32, 1000 keys',
    digits: 2,
    better: 'lower',
  },
  sealMicrosecondsSingly: { label: 'us to seal 1400 bytes, one a call', digits: 2, better: 'lower' },
  openMicrosecondsSingly: { label: 'us to open 1400 bytes, one a call', digits: 2, better: 'lower' },
  sealMicroseconds64Bytes: {
    label: 'us to seal 64 bytes, batch of 32',
    digits: 2,
    better: 'lower',
    isDetail: true,
  },
  openMicroseconds64Bytes: {
    label: 'us to open 64 bytes, batch of 32',
    digits: 2,
    better: 'lower',
    isDetail: true,
  },
  sealMicroseconds64BytesSingly: {
    label: 'us to seal 64 bytes, one a call',
    digits: 2,
    better: 'lower',
    isDetail: true,
  },
  openMicroseconds64BytesSingly: {
    label: 'us to open 64 bytes, one a call',
    digits: 2,
    better: 'lower',
    isDetail: true,
  },
  /** The whole life of the server, told by itself and read from outside: two clocks that have to agree. */
  serverCpuSecondsByRusage: { label: 'server CPU-s, getrusage', digits: 2, isDetail: true },
  serverCpuSecondsByProc: { label: 'server CPU-s, /proc', digits: 2, isDetail: true },
};
