import { Command } from 'commander';
import { addInspectCommand } from '../../tools/kcpgate/inspect/inspect-command.ts';
import { runInspect, type InspectPlaces } from '../../tools/kcpgate/inspect/run-inspect.ts';

/** What a command line of `inspect` did. */
export interface InspectRun {
  readonly code: number;
  readonly bytes: Buffer;
  readonly output: string;
  /** Lines on standard error. */
  readonly warnings: readonly string[];
}

/** Runs a command line of `inspect` in this process, as in a pipe. @throws what makes the command exit with 2. */
export async function inspect(
  commandLine: readonly string[],
  places: Partial<InspectPlaces> = {},
): Promise<InspectRun> {
  const pieces: Uint8Array[] = [];
  const warnings: string[] = [];
  let code = NaN;
  const program = new Command('kcpgate').exitOverride().configureOutput({ writeErr: () => undefined });
  addInspectCommand(program, async (files, options) => {
    code = await runInspect(files, options, {
      output: (bytes) => pieces.push(bytes.slice()) > 0,
      isTerminal: false,
      columns: 100,
      environment: {},
      warn: (text) => warnings.push(text),
      stopSignal: () => AbortSignal.abort(),
      ...places,
    });
  });
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeErr: () => undefined });
  await program.parseAsync(['inspect', ...commandLine], { from: 'user' });
  const bytes = Buffer.concat(pieces);
  return { code, bytes, output: bytes.toString(), warnings };
}
