import { GatewayError } from '../../base/errors.ts';

/** How long something may take, and who may end it before. */
export interface TimeLimit {
  /** Default: for ever. */
  readonly timeoutMs?: number;
  readonly signals?: readonly (AbortSignal | undefined)[];
  /** What is thrown when the time is over. Default: `connect_timeout`. */
  readonly late?: () => GatewayError;
}

/**
 * Runs something that ends when its signal does. Waits for its end in any case, so that nothing of it is left.
 * @throws GatewayError what `late` says; `connect_failed` when one of the signals was aborted, or its reason if that is a
 *   GatewayError; else whatever `run` throws.
 */
export async function withinTime<Result>(
  { timeoutMs, signals = [], late = noAnswer(timeoutMs) }: TimeLimit,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const own = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => own.abort(late()), timeoutMs);
  const ends = signals.flatMap((signal) => (signal === undefined ? [] : [forward(signal, own)]));
  try {
    own.signal.throwIfAborted();
    return await run(own.signal);
  } catch (error) {
    throw own.signal.aborted ? reasonOf(own.signal) : error;
  } finally {
    clearTimeout(timer);
    for (const end of ends) end();
  }
}

/** Settles as the promise does, or rejects when the signal is aborted, whichever comes first. */
export function orAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(reasonOf(signal));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => {
      signal.removeEventListener('abort', onAbort);
    };
    promise.then(resolve, reject).then(settled, settled);
  });
}

/** Waits. @throws the reason of the signal when it is aborted before. */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await orAborted(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Why a signal was aborted: its reason if that is a GatewayError, else `connect_failed` caused by it. */
export function reasonOf(signal: AbortSignal): GatewayError {
  const reason: unknown = signal.reason;
  if (reason instanceof GatewayError) return reason;
  return new GatewayError('connect_failed', 'aborted', { cause: reason });
}

const noAnswer = (timeoutMs = 0) => {
  return (): GatewayError => new GatewayError('connect_timeout', `no answer within ${String(timeoutMs)} ms`);
};

/** @returns ends it. */
function forward(from: AbortSignal, to: AbortController): () => void {
  const onAbort = (): void => {
    to.abort(reasonOf(from));
  };
  if (from.aborted) onAbort();
  from.addEventListener('abort', onAbort, { once: true });
  return () => {
    from.removeEventListener('abort', onAbort);
  };
}
