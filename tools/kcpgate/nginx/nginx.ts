import { GatewayError } from '../../../src/base/errors.ts';
import { formatIssues } from '../../../src/gateway/config/issue.ts';
import { requireConfig, type ConfigOptions } from '../config-options.ts';
import { ExitCode } from '../exit-code.ts';
import { frontNotes } from './front-notes.ts';
import { type NginxSet, renderNginxSet } from './nginx-set.ts';
import { compareSet, writeSet } from './write-set.ts';

/** What the options of `nginx` give. */
export interface NginxOptions extends ConfigOptions {
  readonly out?: string;
  readonly check: boolean;
  readonly force: boolean;
  readonly print?: string;
}

/** Where text goes. */
export interface TextOutput {
  write(text: string): unknown;
}

/**
 * Writes, compares, prints or lists the configuration of nginx.
 * @returns the exit code.
 * @throws GatewayError `config_invalid`; Error of the file system.
 */
export function nginx(options: NginxOptions, output: TextOutput, errorOutput: TextOutput): number {
  const { config, warnings } = requireConfig(options);
  if (config.front.gateways.length === 0)
    throw new GatewayError('config_invalid', 'front.gateways: nothing to lead to; name the gateways');
  if (options.out === undefined && (options.check || options.force))
    throw new GatewayError('config_invalid', 'kcpgate: --check and --force go with --out');
  const set = renderNginxSet(config.front);
  if (options.print !== undefined) return print(set, options.print, output);

  for (const warning of warnings) errorOutput.write(`warning: ${formatIssues([warning])}\n`);
  for (const note of frontNotes(config)) errorOutput.write(`note: ${note}\n`);
  if (options.out === undefined) {
    for (const name of namesOf(set)) output.write(`${name}\n`);
    return ExitCode.ok;
  }
  return options.check
    ? check(set, options.out, output)
    : write(set, options.out, options.force, output, errorOutput);
}

function print(set: NginxSet, name: string, output: TextOutput): number {
  const text = set.files.get(name) ?? set.includeFiles.get(name);
  if (text === undefined) {
    const names = namesOf(set).join(', ');
    throw new GatewayError(
      'config_invalid',
      `there is no file ${JSON.stringify(name)} in the set; it has ${names}`,
    );
  }
  output.write(text);
  return ExitCode.ok;
}

function check(set: NginxSet, folder: string, output: TextOutput): number {
  const differences = compareSet(set, folder);
  for (const { name, kind } of differences) output.write(`${kind.padEnd(9)}  ${name}\n`);
  if (differences.length > 0) return ExitCode.failure;
  output.write(`${folder}: as the configuration says\n`);
  return ExitCode.ok;
}

function write(
  set: NginxSet,
  folder: string,
  overwrite: boolean,
  output: TextOutput,
  errorOutput: TextOutput,
): number {
  const { written, removed, kept, outdated } = writeSet(set, folder, overwrite);
  for (const name of written) output.write(`written    ${name}\n`);
  for (const name of removed) output.write(`removed    ${name}\n`);
  for (const name of kept) output.write(`kept       ${name}\n`);
  if (outdated.length > 0)
    errorOutput.write(
      `note: ${outdated.join(', ')}: of other gateways; restart upstream-check, or use --force\n`,
    );
  if (written.length + removed.length === 0) output.write(`${folder}: nothing to do\n`);
  return ExitCode.ok;
}

function namesOf({ files, includeFiles }: NginxSet): string[] {
  return [...files.keys(), ...includeFiles.keys()].sort();
}
