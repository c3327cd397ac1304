import { Option, type Command } from 'commander';
import { GatewayError } from '../../../src/base/errors.ts';
import { addConfigOptions, type ConfigOptions } from '../config-options.ts';
import { urlOption } from '../option-value.ts';
import { packageVersion } from '../version.ts';
import type { Diagnosis } from './doctor.ts';

/** Adds `doctor` to the program. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('look at this machine, or at the way to a gateway: what works, what could be better');
  addConfigOptions(command)
    .addOption(
      new Option('--server <url>', 'the login of a gateway: look at the way there, as a client')
        .argParser(urlOption)
        .conflicts(['config', 'bind']),
    )
    .option('--token-file <file>', 'with --server: file with the token to log in with')
    .option('--nat', 'with --server: also when a NAT forgets a silent client (2 minutes)', false)
    .option('--strict', 'what could be better is a failure, too', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', HELP)
    .action(async (options: DoctorOptions) => {
      const { formatReport } = await import('./report.ts');
      const { findings, exitCode } = await diagnose(options);
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
  readonly server?: URL;
  readonly tokenFile?: string;
  readonly nat: boolean;
}

async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const { server, tokenFile, nat } = options;
  if (server === undefined) {
    if (tokenFile !== undefined || nat) {
      throw new GatewayError('config_invalid', 'kcpgate: --token-file and --nat go with --server');
    }
    const { examine } = await import('./doctor.ts');
    return examine(options);
  }
  const [{ examineServer }, { readSecretFile }] = await Promise.all([
    import('./server/examine-server.ts'),
    import('../token/read-key-file.ts'),
  ]);
  const token = tokenFile === undefined ? undefined : readSecretFile(tokenFile);
  if (nat && process.stderr.isTTY)
    process.stderr.write('Two minutes, for what a NAT does to silent clients.\n');
  return examineServer({ loginUrl: server, token, silencesMs: nat ? SILENCES_MS : [] });
}

const SILENCES_MS = [10_000, 30_000, 60_000, 120_000];

const HELP = `
Examples:
  kcpgate doctor                             the machine
  kcpgate doctor -c gateway.yaml             also the file, and whether its addresses are free
  kcpgate doctor --server https://gateway.example/api/login
                                             the way from here to a gateway: login, lines, UDP, NAT, MTU, clock

Exit codes:
  0  a gateway works here, or a client; lines marked "warn" say what would make it better
  1  something does not work (with --strict: or could be better)
  2  invalid configuration or command line`;
