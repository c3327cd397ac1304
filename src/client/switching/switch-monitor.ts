import type { DrainNotice } from '../../session/drain-notice.ts';
import type { LinkSignals } from '../../session/link-signals.ts';
import type { LineReport } from '../lines/line-report.ts';
import type { Line } from '../login-answer.ts';
import { DecisionLog, type SwitchObserver } from './decision-log.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { SwitchCommand, SwitchDecision, SwitchState } from './switch-decision.ts';

/** What the monitor has to know of a line. */
export type SwitchLine = Pick<Line, 'id' | 'transport'>;

/** What one PROBE_ACK said. */
export interface ProbeAnswer {
  readonly rttMs: number;
  /** Of the question. */
  readonly bytes: number;
  /** 0 idle to 255 full. */
  readonly load: number;
  readonly draining: boolean;
  readonly notReady: boolean;
}

export interface SwitchMonitorComponents {
  /** Every line that leads to the gateway of this session, the one in use included. */
  readonly lines: readonly SwitchLine[];
  /** Id of the one in use. */
  readonly current: string;
  readonly config: SwitchConfig;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly observer?: SwitchObserver;
}

/**
 * Decides when a session leaves its line, and for which (docs/client.md, "Switching").
 *
 * Sans-I/O. Whoever drives it calls {@link tick} when {@link nextDeadline} has come, tells it what happens, and after every call
 * carries out what {@link nextCommand} gives until that has nothing more. Each command has its answer:
 *
 * | command     | answer                                                                                          |
 * | ----------- | ----------------------------------------------------------------------------------------------- |
 * | `probe`     | `probeAnswered`, or `probeLost` after `config.probeTimeoutMs` or when the line cannot be opened   |
 * | `challenge` | `challengeAnswered` or `challengeUnanswered`; one that comes while another is under way joins it  |
 * | `prepare`   | `prepared` or `prepareFailed`; a line that is prepared already is asked again, on the same path   |
 * | `move`      | `moved` or `moveFailed`                                                                         |
 * | `leave`     | `left` or `leaveFailed`                                                                         |
 *
 * `copy` and `release` have none. A `release` also ends a `prepare` that is under way: no answer is waited for. Preparing the
 * line in use means another path, beside the one in use, over a new socket or connection. What was prepared and breaks later
 * is told by `prepareFailed`. An answer that nobody waits for is ignored.
 */
export class SwitchMonitor {
  readonly #config: SwitchConfig;
  readonly #log: DecisionLog;
  readonly #commands: SwitchCommand[] = [];
  #line: string;

  constructor(now: number, { current, config, observer }: SwitchMonitorComponents) {
    this.#config = config;
    this.#log = new DecisionLog(config.maxDecisions, observer);
    this.#line = current;
    this.#tickAt = now;
  }

  #tickAt: number;

  /** Id of the line in use. */
  get line(): string {
    return this.#line;
  }

  get state(): SwitchState {
    return 'active';
  }

  /** The latest decisions, oldest first. */
  get decisions(): readonly SwitchDecision[] {
    return this.#log.decisions;
  }

  /** What is to be done next; undefined when that was all. */
  nextCommand(): SwitchCommand | undefined {
    return this.#commands.shift();
  }

  /** When {@link tick} is to be called next, in ms; sooner when the application sends after a pause. */
  nextDeadline(): number {
    return this.#tickAt;
  }

  /** Looks at how the line in use fares. Being called too often does no harm. */
  tick(now: number, signals: LinkSignals): void {
    this.#tickAt = now + this.#config.tickMs;
    void signals;
  }

  // ---- answers ----

  probeAnswered(_now: number, _line: string, _answer: ProbeAnswer): void {}

  probeLost(_now: number, _line: string): void {}

  /** The line in use leads to the gateway, and back. */
  challengeAnswered(_now: number, _rttMs: number): void {}

  /** No answer came to any repeat. */
  challengeUnanswered(_now: number): void {}

  prepared(_now: number, _line: string): void {}

  /** @param why for people: the code of an error. */
  prepareFailed(_now: number, _line: string, _why: string): void {}

  /** Also when nobody here asked for it: the application moved the session. */
  moved(_now: number, line: string): void {
    this.#line = line;
  }

  moveFailed(_now: number, _line: string, _why: string): void {}

  /** The session lives on in another one, at another gateway. */
  left(_now: number): void {}

  leaveFailed(_now: number, _why: string): void {}

  // ---- what happens ----

  /** The connection of the line in use broke. */
  connectionLost(_now: number): void {}

  /** The network says that nobody is there (ICMP): a reason for doubt, no proof. */
  refused(_now: number): void {}

  /** The gateway wants to be left. @param canLeave whether there is another one that this client may go to. */
  draining(_now: number, _notice: DrainNotice, _canLeave: boolean): void {}

  /** The device is in another network now. */
  networkChanged(_now: number): void {}

  /** There are other lines now, after another login. */
  linesChanged(_now: number, _lines: readonly SwitchLine[]): void {}

  /** What was measured while the session was opening. */
  surveyed(_now: number, _report: LineReport): void {}
}
