import type { Command } from 'commander';
import type { CheckOptions } from './check.ts';
import { addConfigOptions, CONFIG_HELP } from './config-options.ts';
import { EXIT_CODE_HELP } from './exit-code.ts';

/** Adds `check` to the program. */
export function addCheckCommand(program: Command): void {
  const command = program.command('check').description('check a configuration without running it');
  addConfigOptions(command)
    .option('--json', 'print the result as JSON', false)
    .option('--print', 'print the whole configuration, defaults and overrides filled in', false)
    .option('--schema', 'print the JSON Schema of the file, for editors, and nothing else', false)
    .addHelpText('after', HELP + CONFIG_HELP + '\n' + EXIT_CODE_HELP)
    .action(async (options: CheckOptions) => {
      const { check } = await import('./check.ts');
      process.exitCode = check(options, process.stdout, process.stderr);
    });
}

const HELP = `
Examples:
  kcpgate check -c gateway.yaml              ok, or every error with file:line:column
  kcpgate check -c gateway.yaml --print      what it means, as YAML
  kcpgate check --schema > schema.json
`;
