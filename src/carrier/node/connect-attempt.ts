import { GatewayError } from '../../base/errors.ts';

export interface ConnectAttemptOptions {
  /** How long connecting may take, in ms, all handshakes included. Default 5000. */
  readonly timeoutMs?: number;
  /** Gives up connecting; without effect afterwards. */
  readonly signal?: AbortSignal;
}

/** How an attempt to connect reports its outcome. The first report counts, also against timeout and signal. */
export interface ConnectAttempt<Made> {
  succeed(made: Made): void;
  fail(error: GatewayError): void;
}

/**
 * Runs one attempt to connect, with a time limit, until it can be given up no more.
 * @param where what is connected to, for messages.
 * @param start begins it; returns how it is given up. Called at once.
 * @throws GatewayError `connect_timeout`, `connect_failed` when given up, or what the attempt failed with.
 */
export function attemptToConnect<Made>(
  where: string,
  { timeoutMs = 5000, signal }: ConnectAttemptOptions,
  start: (attempt: ConnectAttempt<Made>) => () => void,
): Promise<Made> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(givenUp(where));
      return;
    }
    let giveUp = (): void => undefined;
    let isSettled = false;
    const settle = (): boolean => {
      if (isSettled) return false;
      isSettled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      return true;
    };
    const fail = (error: GatewayError): void => {
      if (!settle()) return;
      giveUp();
      reject(error);
    };
    const onAbort = (): void => {
      fail(givenUp(where));
    };
    const timer = setTimeout(() => {
      fail(new GatewayError('connect_timeout', `${where} did not answer in ${String(timeoutMs)} ms`));
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort);
    giveUp = start({
      succeed: (made) => {
        if (settle()) resolve(made);
      },
      fail,
    });
  });
}

/** The peer ended the connection before it was of any use. */
export function closedWhileConnecting(where: string): GatewayError {
  return new GatewayError('connect_failed', `${where} closed the connection`);
}

function givenUp(where: string): GatewayError {
  return new GatewayError('connect_failed', `connecting to ${where} was given up`);
}
