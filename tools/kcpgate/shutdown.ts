import { constants } from 'node:os';

/**
 * Resolves with the first SIGTERM or SIGINT. A second one ends the process at once, with 128 and its number (130, 143).
 * Waiting does not keep the process alive.
 */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (!isFirst) process.exit(128 + constants.signals[signal]);
      isFirst = false;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
