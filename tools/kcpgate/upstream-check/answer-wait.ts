import { discarded, failed, type GatewayCondition, type ProbeOutcome } from './probe-outcome.ts';

/** Monotonic time in milliseconds, with fractions. */
export const nowMs = (): number => performance.now();

/**
 * The wait for one answer: the first to tell how it ended decides.
 *
 * Whether an answer came is judged only after what had arrived was read, and only if this process ran when the time was
 * over. One that was stopped, or got no processor, knows nothing of the gateway.
 */
export class AnswerWait {
  /** Resolves once. */
  readonly outcome: Promise<ProbeOutcome>;
  readonly #startedAt = nowMs();
  readonly #timer: NodeJS.Timeout;
  #resolve: (outcome: ProbeOutcome) => void = () => undefined;
  #isOver = false;
  #badAnswer = '';

  constructor(timeoutMs: number) {
    this.outcome = new Promise((resolve) => (this.#resolve = resolve));
    const deadline = this.#startedAt + timeoutMs;
    this.#timer = setTimeout(() => {
      const lateMs = nowMs() - deadline;
      // Timers come before sockets: an answer that lies in the queue of a socket comes next, then this.
      setImmediate(() => {
        this.#giveUp(lateMs, latenessAllowedMs(timeoutMs));
      });
    }, timeoutMs);
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

  #giveUp(lateMs: number, allowedMs: number): void {
    if (lateMs > allowedMs) this.end(discarded('late', `${Math.round(lateMs)} ms late`));
    else if (this.#badAnswer !== '') this.end(failed('bad_answer', this.#badAnswer));
    else this.end(failed('timeout'));
  }
}

/** By so much a timer may be late before what it ends counts for nothing. */
const latenessAllowedMs = (timeoutMs: number): number => Math.max(50, timeoutMs / 2);

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
