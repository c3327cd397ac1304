import { NEVER } from '../../../../src/base/clock.ts';
import { resolveSwitchConfig, type SwitchOptions } from '../../../../src/client/switching/switch-config.ts';
import type { SwitchCommand, SwitchDecision } from '../../../../src/client/switching/switch-decision.ts';
import { SwitchMonitor, type SwitchLine } from '../../../../src/client/switching/switch-monitor.ts';
import type { LinkSignals } from '../../../../src/session/link-signals.ts';

export const UDP_A: SwitchLine = { id: 'udpA', transport: 'udp' };
export const UDP_B: SwitchLine = { id: 'udpB', transport: 'udp' };
export const TCP: SwitchLine = { id: 'tcp', transport: 'tcp' };
export const WS: SwitchLine = { id: 'ws', transport: 'ws' };

/** A session without anything: a clock, the signals it would give, and a monitor, whose commands are kept. */
export class WatchedLine {
  readonly monitor: SwitchMonitor;
  now = 1_000;
  /** Round trips of other lines in ms, for probes: null is not answered. */
  readonly rttMs = new Map<string, number | null>();
  /** Data flows: everything is acknowledged at once. */
  isFlowing = true;
  /** The line in use answers when it is asked. */
  isAnswering = true;
  readonly decided: SwitchDecision[] = [];
  #signals: LinkSignals;
  #commands: SwitchCommand[] = [];

  constructor(
    lines: readonly SwitchLine[],
    options: SwitchOptions = {},
    { isClear = false, random = 0.5 }: { readonly isClear?: boolean; readonly random?: number } = {},
  ) {
    this.#signals = {
      ...{
        srttMs: 50,
        rttvarMs: 5,
        rtoMs: 80,
        heardAt: this.now,
        heardHereAt: this.now,
        stalledSince: NEVER,
      },
      ...{ activeAt: this.now, segmentsSent: 0, timeoutRetransmits: 0, fastRetransmits: 0 },
      ...{ sentBytes: 0, receivedBytes: 0 },
    };
    this.monitor = new SwitchMonitor(this.now, {
      ...{
        lines,
        current: lines[0]!.id,
        config: resolveSwitchConfig(options),
        random: () => random,
        isClear,
      },
      observer: { decided: (decision) => this.decided.push(decision) },
    });
  }

  get signals(): LinkSignals {
    return this.#signals;
  }

  signal(parts: Partial<LinkSignals>): void {
    this.#signals = { ...this.#signals, ...parts };
  }

  /** Time passes; ticks come when they are due, probes and questions are answered. */
  runFor(ms: number): void {
    const endAt = this.now + ms;
    for (;;) {
      const at = Math.max(this.now + 1, Math.min(this.monitor.nextDeadline(), this.now + 50));
      if (at > endAt) break;
      this.now = at;
      if (this.isFlowing) this.flow();
      this.monitor.tick(this.now, this.#signals);
      this.#collect();
    }
    this.now = endAt;
  }

  /** Time passes until something is to be done beside probes and questions. @returns what. */
  runUntilCommand(limitMs: number): string[] {
    const endAt = this.now + limitMs;
    while (this.now < endAt) {
      this.runFor(50);
      const commands = this.take();
      if (commands.length > 0) return commands;
    }
    return [];
  }

  /** Something was sent, acknowledged, and something came. */
  flow(): void {
    const { segmentsSent, sentBytes, receivedBytes } = this.#signals;
    this.signal({
      ...{ heardAt: this.now, heardHereAt: this.now, activeAt: this.now, stalledSince: NEVER },
      ...{ segmentsSent: segmentsSent + 5, sentBytes: sentBytes + 500, receivedBytes: receivedBytes + 500 },
    });
  }

  /** From now on nothing that is sent is acknowledged, and nobody answers here. */
  die(): void {
    this.isFlowing = this.isAnswering = false;
    this.signal({ stalledSince: this.now });
  }

  /** Tells the monitor something. */
  tell(event: (monitor: SwitchMonitor, now: number) => void): void {
    event(this.monitor, this.now);
    this.#collect();
  }

  prepared(line: string): void {
    this.tell((monitor, now) => {
      monitor.prepared(now, line);
    });
  }

  /** The session went there; from now on all is well. */
  moved(line: string): void {
    this.isFlowing = this.isAnswering = true;
    this.flow();
    this.tell((monitor, now) => {
      monitor.moved(now, line);
    });
  }

  /** What was commanded since the last call, probes and questions aside. */
  take(): string[] {
    const commands = this.#commands.filter(({ type }) => type !== 'probe' && type !== 'challenge');
    this.#commands = [];
    return commands.map((command) =>
      'line' in command ? `${command.type} ${command.line ?? 'none'}` : command.type,
    );
  }

  /** How many probes and questions were commanded since {@link take}. */
  count(type: 'probe' | 'challenge', line?: string): number {
    return this.#commands.filter(
      (command) =>
        command.type === type && (!('line' in command) || line === undefined || command.line === line),
    ).length;
  }

  get last(): SwitchDecision | undefined {
    return this.monitor.decisions.at(-1);
  }

  #collect(): void {
    for (let command; (command = this.monitor.nextCommand()) !== undefined;) {
      this.#commands.push(command);
      if (command.type === 'challenge' && this.isAnswering) {
        this.signal({ heardAt: this.now, heardHereAt: this.now });
        this.monitor.challengeAnswered(this.now, 50);
      }
      if (command.type !== 'probe') continue;
      const { line, bytes } = command;
      const rttMs = this.rttMs.get(line);
      if (rttMs === null || rttMs === undefined) this.monitor.probeLost(this.now, line);
      else
        this.monitor.probeAnswered(this.now, line, {
          rttMs,
          bytes,
          load: 0,
          draining: false,
          notReady: false,
        });
    }
  }
}
