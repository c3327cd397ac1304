import { NEVER } from '../../base/clock.ts';
import type { KnownLine } from './known-line.ts';
import type { SwitchConfig } from './switch-config.ts';

/** What came of trying a UDP line. */
export interface UdpTrialResult {
  readonly line: KnownLine;
  readonly sent: number;
  readonly answered: number;
  /** Of all that was answered, in ms. */
  readonly medianRttMs: number | null;
}

/** One UDP line that is being tried. */
class UdpTrial {
  readonly line: KnownLine;
  readonly rttsMs: number[] = [];
  sent = 0;
  nextAt: number;

  constructor(now: number, line: KnownLine) {
    this.line = line;
    this.nextAt = now;
  }
}

/** On a connection: tries from time to time whether UDP works again. */
export class UdpReturn {
  readonly #config: SwitchConfig;
  #dueAt = NEVER;
  #waitMs = 0;
  #turn = 0;
  #trial: UdpTrial | undefined;

  constructor(config: SwitchConfig) {
    this.#config = config;
  }

  /** The line that is being tried: nobody else is to probe it. */
  get line(): KnownLine | undefined {
    return this.#trial?.line;
  }

  get deadline(): number {
    const trial = this.#trial;
    if (trial === undefined) return this.#dueAt;
    return trial.sent < this.#config.udpAgainProbes ? trial.nextAt : trial.nextAt + this.#patienceMs;
  }

  /** All bytes of the probes of one trial. */
  get #bytes(): readonly number[] {
    const { udpAgainProbes, probeBytes, fullProbeBytes } = this.#config;
    const full = Math.min(1, udpAgainProbes - 1);
    return Array.from({ length: udpAgainProbes }, (_, i) => (i === full ? fullProbeBytes : probeBytes));
  }

  /** The session is on a connection now. */
  begin(now: number, notBefore: number): void {
    this.#trial = undefined;
    this.#waitMs = this.#config.udpAgainMs;
    this.#dueAt = Math.max(now + this.#waitMs, notBefore);
  }

  /** Another network: UDP may work at once. */
  hurry(now: number): void {
    if (this.#dueAt === NEVER) return;
    this.#trial = undefined;
    this.#waitMs = this.#config.udpAgainMs;
    this.#dueAt = now;
  }

  /** The session is on UDP. */
  stop(): void {
    this.#trial = undefined;
    this.#dueAt = NEVER;
  }

  /**
   * What is to be probed now; call again until nothing is.
   * @param lines UDP lines that may be tried. @param take whether the budget allows that many bytes.
   */
  nextProbe(
    now: number,
    lines: readonly KnownLine[],
    take: (bytes: number) => boolean,
  ): { readonly line: string; readonly bytes: number } | undefined {
    const trial = this.#trial ?? this.#start(now, lines, take);
    if (trial === undefined || now < trial.nextAt) return undefined;
    const bytes = this.#bytes[trial.sent];
    if (bytes === undefined) return undefined;
    trial.sent++;
    trial.nextAt = now + this.#config.udpAgainEveryMs;
    return { line: trial.line.id, bytes };
  }

  /** @returns what came of it, when that is known. */
  answered(now: number, line: string, rttMs: number): UdpTrialResult | undefined {
    const trial = this.#trial;
    if (trial?.line.id !== line) return undefined;
    trial.rttsMs.push(rttMs);
    return trial.rttsMs.length < this.#config.udpAgainProbes ? undefined : this.#end(now, trial);
  }

  lost(now: number, line: string): UdpTrialResult | undefined {
    const trial = this.#trial;
    return trial?.line.id === line ? this.#end(now, trial) : undefined;
  }

  /** A trial that nobody answers for is over some time. */
  expire(now: number): UdpTrialResult | undefined {
    const trial = this.#trial;
    const isSent = trial?.sent === this.#config.udpAgainProbes;
    return isSent && now >= trial.nextAt + this.#patienceMs ? this.#end(now, trial) : undefined;
  }

  get #patienceMs(): number {
    return 2 * this.#config.probeTimeoutMs;
  }

  #start(now: number, lines: readonly KnownLine[], take: (bytes: number) => boolean): UdpTrial | undefined {
    if (now < this.#dueAt) return undefined;
    const line = lines[this.#turn % Math.max(1, lines.length)];
    if (line === undefined || line.outstandingAt !== undefined) return undefined;
    if (!take(this.#bytes.reduce((sum, bytes) => sum + line.costOf(bytes), 0))) return undefined;
    this.#turn++;
    return (this.#trial = new UdpTrial(now, line));
  }

  #end(now: number, { line, sent, rttsMs }: UdpTrial): UdpTrialResult {
    this.#trial = undefined;
    this.#waitMs = Math.min(2 * this.#waitMs, this.#config.udpAgainMaxMs);
    this.#dueAt = now + this.#waitMs;
    const sorted = [...rttsMs].sort((a, b) => a - b);
    return { line, sent, answered: rttsMs.length, medianRttMs: sorted[sorted.length >> 1] ?? null };
  }
}
