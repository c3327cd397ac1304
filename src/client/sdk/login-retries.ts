import type { Clock } from '../../base/clock.ts';
import { GatewayError } from '../../base/errors.ts';
import type { LoginRounds, LoginStep } from '../login-rounds.ts';
import { loginSetback } from '../login-setback.ts';
import { delay, reasonOf } from './time-limit.ts';

/** What logging in again and again is made of. */
export interface LoginRetries<Login> {
  readonly rounds: LoginRounds;
  readonly clock: Clock;
  /** Asks one login. */
  readonly ask: (url: number, freshToken: boolean) => Promise<Login>;
  /** A round has failed. Gives what will do instead. */
  readonly roundFailed: (failures: readonly UrlFailure[], outcome: RoundOutcome) => Login | undefined;
}

/** What comes after a round that failed. */
export interface RoundOutcome {
  /** From 1 on. */
  readonly round: number;
  /** When the next one begins, in ms; null: there is none. */
  readonly nextInMs: number | null;
  /** Whether there is none because this client is not let in. */
  readonly isRefused: boolean;
}

/** Why the login at one URL failed. */
export interface UrlFailure {
  readonly url: number;
  readonly error: GatewayError;
}

/**
 * Asks one login after the other, until one answers.
 * @throws GatewayError the refusal; `retries_exhausted` caused by the last failure; why the signal was aborted.
 */
export async function loginWithRetries<Login>(
  { rounds, clock, ask, roundFailed }: LoginRetries<Login>,
  signal: AbortSignal,
): Promise<Login> {
  let failures: UrlFailure[] = [];
  for (;;) {
    const now = clock.now();
    const step = rounds.next(now);
    if (step.do !== 'ask' && failures.length > 0) {
      const instead = roundFailed(failures, outcomeOf(step, rounds, now));
      if (instead !== undefined) return instead;
    }
    switch (step.do) {
      case 'ask':
        try {
          return await ask(step.url, step.freshToken);
        } catch (thrown) {
          if (signal.aborted) throw reasonOf(signal);
          const error = GatewayError.from(thrown);
          failures.push({ url: step.url, error });
          rounds.failed(clock.now(), loginSetback(error));
        }
        break;
      case 'wait':
        failures = [];
        await delay(step.untilMs - now, signal);
        break;
      case 'stop':
        throw step.why === 'exhausted' ? exhausted(rounds.failedRounds, failures) : lastOf(failures);
    }
  }
}

function outcomeOf(step: LoginStep, { failedRounds }: LoginRounds, now: number): RoundOutcome {
  const isRefused = step.do === 'stop' && step.why === 'refused';
  return {
    round: failedRounds + (isRefused ? 1 : 0),
    nextInMs: step.do === 'wait' ? step.untilMs - now : null,
    isRefused,
  };
}

function exhausted(rounds: number, failures: readonly UrlFailure[]): GatewayError {
  const cause = lastOf(failures);
  const words = `no login in ${String(rounds)} rounds, at last: ${cause.message}`;
  return new GatewayError('retries_exhausted', words, { cause, details: { rounds } });
}

function lastOf(failures: readonly UrlFailure[]): GatewayError {
  return failures.at(-1)?.error ?? new GatewayError('login_failed');
}
