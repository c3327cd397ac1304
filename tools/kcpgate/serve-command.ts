import type { Command } from 'commander';
import { addConfigOptions, CONFIG_HELP, type ConfigOptions } from './config-options.ts';
import { EXIT_CODE_HELP } from './exit-code.ts';

/** Adds `serve` to the program. */
export function addServeCommand(program: Command): void {
  const command = program.command('serve').description('run the gateway');
  addConfigOptions(command)
    .addHelpText('after', HELP + CONFIG_HELP + '\n' + EXIT_CODE_HELP)
    .action(async (options: ConfigOptions) => {
      const { serve } = await import('./serve.ts');
      await serve(options);
    });
}

const HELP = `
Examples:
  kcpgate serve                                        an echo, to try things
  kcpgate serve -c gateway.yaml --log-level debug
  kcpgate serve --bind 0.0.0.0:4000 --target 127.0.0.1:7001

SIGTERM and Ctrl-C stop in order: no new sessions, what is queued still arrives, at the latest after the
drain timeout. A second signal stops at once.
`;
