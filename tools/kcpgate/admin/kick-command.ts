import type { Command } from 'commander';
import { wholeNumberOption } from '../option-value.ts';
import { addAdminOptions, ADMIN_HELP } from './admin-options.ts';
import type { KickOptions } from './kick.ts';

/** Adds `kick` to the program. */
export function addKickCommand(program: Command): void {
  const command = program
    .command('kick')
    .description('end sessions of a running gateway and tell their clients why')
    .argument('[id...]', 'sessions, as `kcpgate sessions` shows them')
    .option('--subject <text>', 'all sessions of this subject')
    .option('--conv <n>', 'all sessions with this conv', wholeNumberOption(0, 2 ** 32 - 1))
    .option('--code <code>', 'close code from 3000 to 3999 or its name (default: kicked)')
    .option('--reason <text>', 'for the client, at most 123 bytes');
  addAdminOptions(command)
    .addHelpText('after', HELP + ADMIN_HELP)
    .action(async (ids: readonly string[], options: KickOptions) => {
      const [{ runAdmin }, { kick }] = await Promise.all([import('./run-admin.ts'), import('./kick.ts')]);
      process.exitCode = await runAdmin(options, (api) => kick(api, ids, options));
    });
}

const HELP = `
Examples:
  kcpgate kick 0.17 --reason 'terms of use'
  kcpgate kick --subject alice --code blocked

Codes below 3500 let the client come back by itself, kicked (3500) and those above do not. Ending no session
at all is a failure.
`;
