import { discarded, failed, type GatewayCondition, type ProbeOutcome } from './probe-outcome.ts';

/** Monotonic time in milliseconds, with fractions. */
export const nowMs = (): number => performance.now();

/**
 * The wait for one answer: the first to tell how it ended decides.
 *
 * Whether an answer came is judged only after what had arrived was read, and only if this process ran all the time, more or
 * less. One that was stopped, or got no processor, knows nothing of the gateway: it may have asked late, or not listened.
 */
export class AnswerWait {
  /** Resolves once. */
  readonly outcome: Promise<ProbeOutcome>;
  readonly #startedAt = nowMs();
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** How long this process did not run when it should have, all in all. */
  #lateMs = 0;
  #resolve: (outcome: ProbeOutcome) => void = () => undefined;
  #isOver = false;
  #badAnswer = '';

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.outcome = new Promise((resolve) => (this.#resolve = resolve));
    this.#waitOn(this.#startedAt);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  answered(condition: GatewayCondition): void {
    this.end({ result: 'answered', tookMs: nowMs() - this.#startedAt, condition });
  }

  /** Something came that is no answer. It decides nothing, because anybody may have sent it. */
  noteBadAnswer(detail: string): void {
    this.#badAnswer = detail;
  }

  /** The system or the peer says that there will be no answer. */
  broke(error: Error): void {
    this.end(outcomeOf(error));
  }

  end(outcome: ProbeOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#resolve(outcome);
  }

  /** Wakes up now and then, to see whether it does so in time. */
  #waitOn(now: number): void {
    const deadline = this.#startedAt + this.#timeoutMs;
    const wakeAt = Math.min(deadline, now + this.#timeoutMs / LOOKS);
    this.#timer = setTimeout(
      () => {
        const woken = nowMs();
        this.#lateMs += Math.max(0, woken - wakeAt - TIMER_SLACK_MS);
        if (woken < deadline - TIMER_SLACK_MS) return this.#waitOn(woken);
        // Timers come before sockets: an answer that lies in the queue of a socket comes next, then this.
        setImmediate(() => {
          this.#giveUp();
        });
      },
      Math.max(0, wakeAt - now),
    );
  }

  #giveUp(): void {
    if (this.#lateMs > latenessAllowedMs(this.#timeoutMs)) {
      this.end(discarded('late', `this process did not run for ${Math.round(this.#lateMs)} ms`));
    } else if (this.#badAnswer !== '') this.end(failed('bad_answer', this.#badAnswer));
    else this.end(failed('timeout'));
  }
}

/** A process that did not run for longer has missed something. */
const latenessAllowedMs = (timeoutMs: number): number => Math.max(20, timeoutMs / 4);
/** How often it is looked within the time. */
const LOOKS = 4;
/** Timers are late by so much anyway. */
const TIMER_SLACK_MS = 2;

/** What an error of the system says of a gateway. */
export function outcomeOf(error: Error): ProbeOutcome {
  const code = 'code' in error ? String(error.code) : error.message;
  if (REFUSED.has(code)) return failed('refused', code);
  if (LOCAL.has(code)) return discarded('local_fault', code);
  return failed(CLOSED.has(code) ? 'closed' : 'unreachable', code);
}

const REFUSED: ReadonlySet<string> = new Set(['ECONNREFUSED']);
const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);
/** This host lacks something. */
const LOCAL: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EAGAIN',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
]);
