import type { Command } from 'commander';
import { addConfigOptions, type ConfigOptions } from '../config-options.ts';
import { packageVersion } from '../version.ts';

/** Adds `doctor` to the program. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('look at this machine: what works, what could be faster');
  addConfigOptions(command)
    .option('--strict', 'what could be better is a failure, too', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', HELP)
    .action(async (options: DoctorOptions) => {
      const [{ examine }, { formatReport }] = await Promise.all([
        import('./doctor.ts'),
        import('./report.ts'),
      ]);
      const { findings, exitCode } = await examine(options);
      const version = packageVersion();
      const ok = exitCode === 0;
      const hasColour = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ ok, version, findings }, null, 2)}\n`
          : formatReport(findings, version, hasColour),
      );
      const isImperfect = findings.some(({ status }) => status === 'warning');
      process.exitCode = ok && options.strict && isImperfect ? 1 : exitCode;
    });
}

interface DoctorOptions extends ConfigOptions {
  readonly strict: boolean;
  readonly json: boolean;
}

const HELP = `
Examples:
  kcpgate doctor                             the machine
  kcpgate doctor -c gateway.yaml             also the file, and whether its addresses are free

Exit codes:
  0  a gateway works here; lines marked "warn" say what would make it better
  1  something does not work (with --strict: or could be better)
  2  invalid configuration or command line`;
