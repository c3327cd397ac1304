import type { Command } from 'commander';
import { addConfigOptions, CONFIG_HELP } from '../config-options.ts';
import { listenOption } from '../option-value.ts';
import type { UpstreamCheckOptions } from './upstream-check.ts';

/** Adds `upstream-check` to the program. */
export function addUpstreamCheckCommand(program: Command): void {
  const command = program
    .command('upstream-check')
    .description('watch the gateways behind nginx and tell it which of them get sessions');
  addConfigOptions(command)
    .option('--once', 'ask every gateway as often as it takes to be sure, tell nginx, and end', false)
    .option('--dry-run', 'write no file and run no command', false)
    .option('--json', 'print JSON: log records, or with --once a line for each gateway', false)
    .option(
      '--metrics <address:port>',
      'serve metrics there; default: front.check.metrics_addr',
      listenOption,
    )
    .addHelpText('after', HELP + CONFIG_HELP + EXIT_CODES)
    .action(async (options: UpstreamCheckOptions) => {
      const { upstreamCheck } = await import('./upstream-check.ts');
      process.exitCode = await upstreamCheck(options, process.stdout);
    });
}

const HELP = `
Examples:
  kcpgate upstream-check -c gateway.yaml                   beside nginx, until it is stopped
  kcpgate upstream-check -c gateway.yaml --once --dry-run  how are they now?
  kcpgate upstream-check -c gateway.yaml --metrics 9150    metrics on 127.0.0.1

Gateways, the folder with the include files of nginx and the commands that test and reload it are in the section
front of the configuration. A signal ends it and leaves the files as they are.
`;

const EXIT_CODES = `
Exit codes:
  0  stopped; with --once: all gateways are up
  1  failed; with --once: one is not up, or nginx could not be told
  2  invalid configuration or command line, or another upstream-check is at work`;
