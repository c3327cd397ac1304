import type { Command } from 'commander';
import { wholeNumberOption } from '../option-value.ts';
import { addAdminOptions, ADMIN_HELP } from './admin-options.ts';
import type { SessionsOptions } from './sessions.ts';

/** Adds `sessions` to the program. */
export function addSessionsCommand(program: Command): void {
  const command = program
    .command('sessions')
    .description('list the open sessions of a running gateway, or show one')
    .argument('[id]', 'show this session with all its counters')
    .option('--subject <text>', 'only sessions of this subject')
    .option('--conv <n>', 'only sessions with this conv', wholeNumberOption(0, 2 ** 32 - 1))
    .option('--limit <n>', 'at most so many (default: all)', wholeNumberOption(1, 10_000_000));
  addAdminOptions(command)
    .addHelpText('after', HELP + ADMIN_HELP)
    .action(async (id: string | undefined, options: SessionsOptions) => {
      const [{ runAdmin }, { listSessions, showSession }] = await Promise.all([
        import('./run-admin.ts'),
        import('./sessions.ts'),
      ]);
      process.exitCode = await runAdmin(options, (api) =>
        id === undefined ? listSessions(api, options) : showSession(api, id),
      );
    });
}

const HELP = `
Examples:
  kcpgate sessions                           all of the gateway on this host
  kcpgate sessions --subject alice -o json
  kcpgate sessions 0.17
`;
