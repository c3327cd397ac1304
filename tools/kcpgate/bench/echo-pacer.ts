import type { EchoSession } from './echo-session.ts';

/** Lets sessions send in turn, evenly spread over time. */
export class EchoPacer {
  sent = 0;
  private readonly sessions: readonly EchoSession[];
  private readonly everyMs: number;
  private startedAt = 0;
  private total = 0;
  private readonly sendDue = (): void => {
    const due = Math.min(this.total, Math.floor((performance.now() - this.startedAt) / this.everyMs) + 1);
    const { sessions } = this;
    for (; this.sent < due; this.sent++) sessions[this.sent % sessions.length]?.send();
    if (this.sent < this.total) setTimeout(this.sendDue, 1);
  };

  /** @param echoesPerSecond of each session. */
  constructor(sessions: readonly EchoSession[], echoesPerSecond: number) {
    this.sessions = sessions;
    this.everyMs = 1000 / (echoesPerSecond * sessions.length);
  }

  /** Sends so many, or until {@link stop}. */
  start(total = Infinity): void {
    this.total = total;
    this.startedAt = performance.now();
    this.sendDue();
  }

  stop(): void {
    this.total = this.sent;
  }
}
