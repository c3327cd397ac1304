import { Command } from 'commander';
import { addDrainCommands } from './admin/drain-command.ts';
import { addKickCommand } from './admin/kick-command.ts';
import { addSessionsCommand } from './admin/sessions-command.ts';
import { addStatusCommand } from './admin/status-command.ts';
import { addChaosCommand } from './chaos/chaos-command.ts';
import { addCheckCommand } from './check-command.ts';
import { addCompletionCommand } from './completion-command.ts';
import { addConfigDocCommand } from './config-doc-command.ts';
import { addConnectCommand } from './connect-command.ts';
import { addDoctorCommand } from './doctor/doctor-command.ts';
import { EXIT_CODE_HELP } from './exit-code.ts';
import { addInspectCommand } from './inspect/inspect-command.ts';
import { addNginxCommand } from './nginx/nginx-command.ts';
import { addProbeCommand } from './probe/probe-command.ts';
import { addServeCommand } from './serve-command.ts';
import { addSoakCommand } from './soak/soak-command.ts';
import { addTokenCommand } from './token/token-command.ts';
import { addUpstreamCheckCommand } from './upstream-check/upstream-check-command.ts';
import { packageVersion } from './version.ts';

/**
 * The `kcpgate` command with all its subcommands. Commander's failures are thrown, not turned into an exit.
 * @param wanted the first argument of the command line; what surely is not needed for it is not loaded.
 */
export async function createProgram(wanted?: string): Promise<Command> {
  const program = new Command('kcpgate')
    .description('A reliable-transport gateway: KCP over UDP, TCP and WebSocket in front of TCP servers.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('(--help says more)')
    .addHelpText('after', HELP + EXIT_CODE_HELP)
    .exitOverride();
  addServeCommand(program);
  addConnectCommand(program);
  addCheckCommand(program);
  addDoctorCommand(program);
  addProbeCommand(program);
  addInspectCommand(program);
  addChaosCommand(program);
  addTokenCommand(program);
  addStatusCommand(program);
  addSessionsCommand(program);
  addKickCommand(program);
  addDrainCommands(program);
  if (wanted === undefined || !LIGHT.has(wanted)) await addMeasuringCommands(program);
  addUpstreamCheckCommand(program);
  addNginxCommand(program);
  addSoakCommand(program);
  addConfigDocCommand(program);
  addCompletionCommand(program);
  return program;
}

/** They bring the engine and the peers along. */
async function addMeasuringCommands(program: Command): Promise<void> {
  const [{ addBenchCommand }, { addDemoCommand }] = await Promise.all([
    import('./bench/bench-command.ts'),
    import('./demo/demo-command.ts'),
  ]);
  addBenchCommand(program);
  addDemoCommand(program);
}

/** First arguments that have nothing to do with measuring. */
const LIGHT = new Set([
  '-V',
  '--version',
  'serve',
  'connect',
  'check',
  'doctor',
  'probe',
  'inspect',
  'chaos',
  'token',
  'status',
  'sessions',
  'kick',
  'drain',
  'undrain',
  'upstream-check',
  'nginx',
  'soak',
  'config-doc',
]);

const HELP = `
Examples:
  kcpgate serve                              an echo with a login, to try things
  kcpgate serve -c gateway.yaml              a gateway as configured
  kcpgate serve --target 127.0.0.1:22        everything to one TCP server
  kcpgate connect -s gateway.example:4000 -l 2222
                                             a local TCP port that leads through it; --login: encrypted
  kcpgate check -c gateway.yaml              is the file right?
  kcpgate doctor                             is the machine?
  kcpgate probe --login https://gateway.example/api/login
                                             which way to the gateway is the fastest?
  kcpgate chaos --udp 4001=4000 --profile 4g a bad network in front of a gateway
  kcpgate sessions                           who is connected to the gateway of this host
  kcpgate inspect capture.pcap --stats       what was on the wire, and how it went
`;
