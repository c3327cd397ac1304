import type { Command } from 'commander';
import { addAdminOptions, ADMIN_HELP, type AdminOptions } from './admin-options.ts';

/** Adds `status` to the program. */
export function addStatusCommand(program: Command): void {
  addAdminOptions(program.command('status').description('show how a running gateway stands'))
    .addHelpText('after', ADMIN_HELP)
    .action(async (options: AdminOptions) => {
      const [{ runAdmin }, { status }] = await Promise.all([import('./run-admin.ts'), import('./status.ts')]);
      process.exitCode = await runAdmin(options, status);
    });
}
