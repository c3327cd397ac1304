import type { Command } from 'commander';

/** Adds `config-doc` to the program. */
export function addConfigDocCommand(program: Command): void {
  program
    .command('config-doc')
    .description('print the table of all configuration keys, as Markdown')
    .action(async () => {
      const { referenceTables } = await import('../../src/gateway/config/reference-table.ts');
      process.stdout.write(`${referenceTables()}\n`);
    });
}
