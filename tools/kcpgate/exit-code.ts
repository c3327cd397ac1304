import { CommanderError } from 'commander';
import { GatewayError } from '../../src/base/errors.ts';

/** How the command ends. Ended at once by a second signal, it exits with 128 and the signal's number. */
export const ExitCode = {
  ok: 0,
  /** It began and could not go on: a port in use, a server that does not answer. */
  failure: 1,
  /** The configuration or the command line is wrong; nothing was begun. */
  invalid: 2,
} as const;

/** The lines about exit codes in the help. */
export const EXIT_CODE_HELP = `
Exit codes:
  0  done
  1  failed while running
  2  invalid configuration or command line`;

/** The exit code for what a command threw. */
export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    // A command's own failure keeps its code; everything else commander throws is help (0) or wrong usage.
    if (thrown.code === 'commander.error' || thrown.exitCode === 0) return thrown.exitCode;
    return ExitCode.invalid;
  }
  if (thrown instanceof GatewayError && thrown.code === 'config_invalid') return ExitCode.invalid;
  return ExitCode.failure;
}
