import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { ConnectionStatus } from '../connection-status.ts';
import type { Line } from '../login-answer.ts';
import type { SwitchConfig } from '../switching/switch-config.ts';
import type { SwitchCommand, SwitchDecision } from '../switching/switch-decision.ts';
import { SwitchMonitor, type ProbeAnswer } from '../switching/switch-monitor.ts';
import type { LineReport } from '../lines/line-report.ts';
import type { ClientPlatform } from './client-platform.ts';
import type { LineCopies } from './line-copies.ts';
import type { LinesWatcher, SessionLines } from './session-lines.ts';
import type { Standbys, StandbyUser } from './standbys.ts';

/** Sends single PROBEs on carriers of its own, as `LineProber`. */
export interface SwitchProber {
  /** @returns undefined when no answer came in time, or the line cannot be opened. Never rejects. */
  probe(
    line: Line,
    options: { readonly bytes: number; readonly timeoutMs: number },
  ): Promise<ProbeAnswer | undefined>;
  /** Gives up what is under way. Resolves when nothing is left. */
  close(): Promise<void>;
}

/** What a {@link LineSwitcher} works with. */
export interface LineSwitcherComponents {
  readonly platform: Pick<ClientPlatform, 'clock' | 'random' | 'onNetworkChange'>;
  readonly lines: SessionLines;
  readonly standbys: Standbys;
  readonly copies: LineCopies;
  readonly prober: SwitchProber;
  /** Measures the lines that it is given. Rejects when the signal is aborted. */
  readonly survey: (lines: readonly Line[], signal: AbortSignal) => Promise<LineReport>;
  /** Those that lead to the gateway of the session. */
  readonly choices: readonly Line[];
  readonly config: SwitchConfig;
  readonly isClear: boolean;
  readonly report: (status: ConnectionStatus) => void;
  /** What was measured when the session had opened. */
  readonly surveyed: (report: LineReport) => void;
  readonly logger: Logger;
}

/**
 * Carries out what the {@link SwitchMonitor} decides: it tells it how the session fares and what happens to its lines, and
 * does what it commands.
 */
export class LineSwitcher implements LinesWatcher, StandbyUser {
  readonly #components: LineSwitcherComponents;
  readonly #choices: ReadonlyMap<string, Line>;
  readonly #monitor: SwitchMonitor;
  /** The latest one of each line: what is under way, or kept. */
  readonly #preparations = new Map<string, object>();
  /** To be told when the monitor has done its work. */
  readonly #news: (() => void)[] = [];
  readonly #stopListening: () => void;
  readonly #stopping = new AbortController();
  readonly #surveying: Promise<void>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The next tick is farther away than one of a session in use. */
  #isResting = false;
  #isRunning = false;
  #socketErrors = 0;

  /** The session is open. */
  constructor(components: LineSwitcherComponents) {
    this.#components = components;
    const { platform, lines, choices, config, isClear } = components;
    const known = choices.includes(lines.line) ? choices : [...choices, lines.line];
    this.#choices = new Map(known.map((line) => [line.id, line]));
    this.#monitor = new SwitchMonitor(platform.clock.now(), {
      lines: known,
      current: lines.line.id,
      config,
      random: platform.random,
      isClear,
      observer: {
        decided: (decision) => this.#decided(decision),
        settled: (decision) => this.#settled(decision),
      },
    });
    this.#socketErrors = this.#readSocketErrors();
    lines.watcher = this;
    this.#stopListening = platform.onNetworkChange(() => {
      this.#run((now) => this.#monitor.networkChanged(now));
    });
    this.#arm();
    this.#surveying = this.#survey(this.#stopping.signal);
  }

  /** The latest decisions, oldest first. */
  get decisions(): readonly SwitchDecision[] {
    return this.#monitor.decisions;
  }

  /** The application sends: the line is watched closely at once, also after a pause. */
  noteSending(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#armAt(this.#components.platform.clock.now() + this.#components.config.tickMs);
  }

  /** The session is over. Resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    this.#stopListening();
    await Promise.all([this.#components.prober.close(), this.#surveying]);
  }

  // ---- LinesWatcher, StandbyUser ----

  answered(rttMs: number): void {
    this.#run((now) => this.#monitor.challengeAnswered(now, rttMs));
  }

  unanswered(): void {
    this.#run((now) => this.#monitor.challengeUnanswered(now));
  }

  lost(): void {
    this.#run((now) => this.#monitor.connectionLost(now));
  }

  moved(line: Line): void {
    this.#run((now) => {
      this.#socketErrors = this.#readSocketErrors();
      // The application may have gone to a line that was prepared, on a path of its own.
      this.#release(line.id);
      this.#monitor.moved(now, line.id);
    });
  }

  standbyLost(line: string, why: GatewayError): void {
    this.#preparations.delete(line);
    this.#run((now) => this.#monitor.prepareFailed(now, line, why.code));
  }

  // ---- turns ----

  /** Tells the monitor something, and does what it commands. */
  #run(tell: (now: number) => void): void {
    if (this.#stopping.signal.aborted) return;
    try {
      tell(this.#components.platform.clock.now());
      // From within a command: who began goes on with what follows.
      if (this.#isRunning) return;
      this.#isRunning = true;
      for (
        let command = this.#monitor.nextCommand();
        command !== undefined;
        command = this.#monitor.nextCommand()
      )
        this.#execute(command);
      this.#isRunning = false;
    } catch (error) {
      this.#fail(error);
      return;
    }
    for (const tellNews of this.#news.splice(0)) tellNews();
    this.#arm();
  }

  /** A fault in here costs the session its switching, not its life: it stays where it is. */
  #fail(error: unknown): void {
    const { logger, lines } = this.#components;
    logger.error('switching ends: it failed', { err: error });
    if (lines.watcher === this) lines.watcher = undefined;
    void this.stop();
  }

  readonly #tick = (): void => {
    const { lines } = this.#components;
    if (lines.session.state !== 'open') return;
    this.#run((now) => {
      const errors = this.#readSocketErrors();
      if (errors > this.#socketErrors) this.#monitor.refused(now);
      this.#socketErrors = errors;
      this.#monitor.tick(now, lines.session.linkSignals());
    });
  };

  #arm(): void {
    const { clock } = this.#components.platform;
    const now = clock.now();
    const deadline = this.#monitor.nextDeadline();
    this.#isResting = deadline - now > this.#components.config.quietTickMs;
    this.#armAt(deadline);
  }

  #armAt(deadline: number): void {
    clearTimeout(this.#timer);
    if (this.#stopping.signal.aborted) return;
    const waitMs = Math.max(1, deadline - this.#components.platform.clock.now());
    this.#timer = setTimeout(this.#tick, Math.min(waitMs, MAX_WAIT_MS));
  }

  // ---- what the monitor wants done ----

  #execute(command: SwitchCommand): void {
    const { lines, standbys, copies } = this.#components;
    switch (command.type) {
      case 'probe':
        void this.#probe(command.line, command.bytes);
        return;
      case 'challenge':
        lines.session.checkPath();
        return;
      case 'prepare':
        void this.#prepare(command.line);
        return;
      case 'copy':
        copies.inDoubt(command.line === null ? undefined : standbys.pathOf(command.line));
        return;
      case 'move':
        this.#move(command.line);
        return;
      case 'release':
        this.#release(command.line);
    }
  }

  async #probe(id: string, bytes: number): Promise<void> {
    const { prober, config } = this.#components;
    const line = this.#choices.get(id);
    const options = { bytes, timeoutMs: config.probeTimeoutMs };
    const answer = line && (await prober.probe(line, options));
    this.#run((now) => {
      if (answer === undefined) this.#monitor.probeLost(now, id);
      else this.#monitor.probeAnswered(now, id, answer);
    });
  }

  async #prepare(id: string): Promise<void> {
    const { standbys, config } = this.#components;
    const line = this.#choices.get(id);
    const preparation = {};
    this.#preparations.set(id, preparation);
    // One that was given up meanwhile has no answer: it would be taken for that of the next one.
    const answer = (tell: (now: number) => void): void => {
      if (this.#preparations.get(id) === preparation) this.#run(tell);
    };
    try {
      if (line === undefined) throw new GatewayError('no_line');
      await standbys.keep(this, line, config.prepareTimeoutMs);
      answer((now) => this.#monitor.prepared(now, id));
    } catch (error) {
      answer((now) => {
        this.#release(id);
        this.#monitor.prepareFailed(now, id, GatewayError.from(error).code);
      });
    }
  }

  #release(id: string): void {
    this.#preparations.delete(id);
    this.#components.standbys.release(this, id);
  }

  #move(id: string): void {
    try {
      // `moved` is told from within.
      this.#components.standbys.use(this, id);
    } catch (error) {
      this.#run((now) => this.#monitor.moveFailed(now, id, GatewayError.from(error).code));
    }
  }

  async #survey(signal: AbortSignal): Promise<void> {
    const { survey, surveyed, logger } = this.#components;
    if (this.#choices.size < 2) return;
    try {
      const report = await survey([...this.#choices.values()], signal);
      if (signal.aborted) return;
      surveyed(report);
      this.#components.report({ type: 'surveyed', report });
      this.#run((now) => this.#monitor.surveyed(now, report));
    } catch (error) {
      if (!signal.aborted) logger.debug('lines not measured', { error: GatewayError.from(error).code });
    }
  }

  // ---- what is told of it ----

  #decided(decision: SwitchDecision): void {
    const { report, logger } = this.#components;
    this.#news.push(() => {
      const { action, reason, from, to, state, inputs } = decision;
      logger.info('line decision', { decision: decision.id, action, reason, from, to, state, ...inputs });
      if (action === 'suspect') report({ type: 'suspect', line: from, reason });
      report({ type: 'decision', decision });
    });
  }

  #settled(decision: SwitchDecision): void {
    const { report, logger } = this.#components;
    this.#news.push(() => {
      logger.info('line decision settled', { decision: decision.id, ...decision.outcome });
      report({ type: 'decision', decision });
    });
  }

  /** Of the line in use: on UDP they say that nobody is there, on connections `lost` tells it. */
  #readSocketErrors(): number {
    const { line, carrier } = this.#components.lines.attached;
    return line.transport === 'udp' ? carrier.stats().socketErrors : 0;
  }
}

/** A monitor that waits for nothing is asked once a minute. */
const MAX_WAIT_MS = 60_000;
