import { Option, type Command } from 'commander';
import { durationOption } from '../option-value.ts';
import { addAdminOptions, ADMIN_HELP, type AdminOptions } from './admin-options.ts';
import type { DrainOptions } from './drain.ts';

/** Adds `drain` and `undrain` to the program. */
export function addDrainCommands(program: Command): void {
  const parse = durationOption(0, DAY_MS);
  const command = program
    .command('drain')
    .description('let no new session into a running gateway and ask clients to leave')
    .addOption(
      new Option('--deadline <duration>', 'after which sessions that are left end')
        .argParser(parse)
        .default(parse('30s'), '30s'),
    )
    .option('--jitter <duration>', 'clients leave at a random time within (default: half of it)', parse)
    .option('--line <id>', 'line that clients are to prefer; may be repeated, best first', addLine, []);
  addAdminOptions(command)
    .addHelpText('after', HELP + ADMIN_HELP)
    .action(async (options: DrainOptions) => {
      const [{ runAdmin }, { drain }] = await Promise.all([import('./run-admin.ts'), import('./drain.ts')]);
      process.exitCode = await runAdmin(options, (api) => drain(api, options));
    });
  addAdminOptions(program.command('undrain').description('let new sessions into a running gateway again'))
    .addHelpText('after', ADMIN_HELP)
    .action(async (options: AdminOptions) => {
      const [{ runAdmin }, { undrain }] = await Promise.all([import('./run-admin.ts'), import('./drain.ts')]);
      process.exitCode = await runAdmin(options, undrain);
    });
}

const DAY_MS = 86_400_000;

const addLine = (id: string, earlier: readonly string[]): string[] => [...earlier, id];

const HELP = `
Examples:
  kcpgate drain --deadline 10m --line eu-2   before a restart; \`kcpgate sessions\` shows who is left
  kcpgate undrain
`;
