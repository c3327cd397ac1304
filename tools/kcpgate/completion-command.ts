import { Argument, type Command } from 'commander';
import { COMPLETION_SHELLS, type CompletionShell } from './completion.ts';

/** Adds `completion` to the program. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(COMPLETION_SHELLS))
    .addHelpText('after', HELP)
    .action(async (shell: CompletionShell) => {
      const { completionScript } = await import('./completion.ts');
      process.stdout.write(completionScript(program, shell));
    });
}

const HELP = `
Examples:
  source <(kcpgate completion bash)
  kcpgate completion zsh > ~/.zfunc/_kcpgate
  kcpgate completion fish > ~/.config/fish/completions/kcpgate.fish`;
