import { ExitCode } from '../exit-code.ts';
import { AdminClient, AdminFailure } from './admin-client.ts';
import type { AdminOptions } from './admin-options.ts';

/** What a command prints: for people, and as JSON. */
export interface AdminReport {
  readonly text: string;
  readonly json: unknown;
  /** Default: done. */
  readonly exitCode?: number;
}

/** Where text goes. */
interface TextOutput {
  write(text: string): unknown;
}

/**
 * Does something with the admin API and prints what came of it, or why nothing did.
 * @returns the exit code.
 * @throws GatewayError `config_invalid` when the options are wrong.
 */
export async function runAdmin(
  options: AdminOptions,
  action: (api: AdminClient) => Promise<AdminReport>,
  output: TextOutput = process.stdout,
  errorOutput: TextOutput = process.stderr,
): Promise<number> {
  try {
    const { text, json, exitCode = ExitCode.ok } = await action(new AdminClient(options));
    output.write(options.output === 'json' ? `${JSON.stringify(json, null, 2)}\n` : text);
    return exitCode;
  } catch (error) {
    if (!(error instanceof AdminFailure)) throw error;
    errorOutput.write(`kcpgate: ${error.message}\n`);
    return ExitCode.failure;
  }
}
