import { stringify } from 'yaml';
import type { GatewayConfig } from '../../src/gateway/config/config.ts';
import { formatIssues } from '../../src/gateway/config/issue.ts';
import type { ConfigResult } from '../../src/gateway/config/load.ts';
import { configSchemaJson } from '../../src/gateway/config/schema.ts';
import { configDocument } from './config-document.ts';
import { readConfig, type ConfigOptions } from './config-options.ts';
import { ExitCode } from './exit-code.ts';

/** What the options of `check` give. */
export interface CheckOptions extends ConfigOptions {
  readonly json: boolean;
  readonly print: boolean;
  readonly schema: boolean;
}

/** Where text goes. */
export interface TextOutput {
  write(text: string): unknown;
}

/** Checks the configuration the options name and prints the result. @returns the exit code. */
export function check(options: CheckOptions, output: TextOutput, errorOutput: TextOutput): number {
  if (options.schema) {
    output.write(`${JSON.stringify(configSchemaJson(), null, 2)}\n`);
    return ExitCode.ok;
  }
  const result = readConfig(options);
  if (options.json) output.write(`${JSON.stringify(asJson(result, options.print), null, 2)}\n`);
  else printForPeople(result, options, output, errorOutput);
  return result.ok ? ExitCode.ok : ExitCode.invalid;
}

function asJson(result: ConfigResult, print: boolean): object {
  if (!result.ok) return { ok: false, errors: result.errors, warnings: [] };
  const { warnings, config } = result;
  return { ok: true, errors: [], warnings, ...(print ? { config: configDocument(config) } : {}) };
}

function printForPeople(
  result: ConfigResult,
  options: CheckOptions,
  output: TextOutput,
  errorOutput: TextOutput,
): void {
  if (!result.ok) {
    errorOutput.write(`${formatIssues(result.errors)}\n`);
    return;
  }
  const { config, warnings } = result;
  for (const warning of warnings) errorOutput.write(`warning: ${formatIssues([warning])}\n`);
  if (options.print) output.write(stringify(configDocument(config)));
  else output.write(`${options.config ?? 'embedded default'}: ok (${summary(config)})\n`);
}

function summary({ listeners, upstreams, routes }: GatewayConfig): string {
  const parts = [
    countOf(listeners.length, 'listener'),
    countOf(upstreams.length, 'upstream'),
    countOf(routes.length, 'route'),
  ];
  return parts.join(', ');
}

function countOf(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
