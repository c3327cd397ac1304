#!/usr/bin/env node
import { CommanderError } from 'commander';
import { ExitCode, exitCodeOf } from './exit-code.ts';
import { failureText } from './failure-text.ts';
import { createProgram } from './program.ts';

// A reader that went away (`kcpgate check --schema | head`) is no failure.
process.stdout.on('error', () => undefined);

try {
  const program = await createProgram(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message.
  if (!(error instanceof CommanderError)) process.stderr.write(`${failureText(error)}\n`);
  process.exitCode = exitCodeOf(error);
}

// The rest of the program ends by itself: nothing may be left that holds the process.
process.exitCode ??= ExitCode.ok;
