import type { WriteStream } from 'node:tty';
import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { GatewayConfig } from '../../src/gateway/config/config.ts';
import type { GatewayStatus } from '../../src/gateway/gateway-status.ts';
import type { ConfigOptions } from './config-options.ts';
import { packageVersion } from './version.ts';

/**
 * Where to greet: standard output, unless JSON records go there; then standard error. Undefined when nobody is likely to
 * read it: a configured gateway that has no terminal.
 */
export function bannerStream({ common }: GatewayConfig, options: ConfigOptions): WriteStream | undefined {
  const isForMachines = common.logFile === null && common.logFormat === 'json';
  const stream = isForMachines ? process.stderr : process.stdout;
  return options.config === undefined || stream.isTTY ? stream : undefined;
}

/** Where the gateway listens, and what to try next. */
export function bannerText(status: GatewayStatus, config: GatewayConfig, options: ConfigOptions): string {
  const source = options.config ?? 'the embedded default';
  const lines = status.listeners.map(({ name, address, upstream }) => {
    const type = config.upstreams.find((candidate) => candidate.name === upstream)?.type ?? '';
    const target = type === 'echo' ? 'echo: what a client sends comes back' : `${type} ${upstream}`;
    return `  ${name}  udp ${formatSocketAddress(address)}  ->  ${target}`;
  });
  const first = status.listeners[0];
  return [
    `\nkcpgate ${packageVersion()} with ${source}`,
    ...lines,
    `  ${servedBy(status)}`,
    '',
    ...(first === undefined ? [] : nextSteps(first.address, options)),
    'Ctrl-C stops it in order.\n\n',
  ].join('\n');
}

/** How many threads serve, and on which sockets. */
function servedBy({ workers, native }: GatewayStatus): string {
  const threads = workers.length === 0 ? 'one thread' : `${String(workers.length)} workers`;
  const sockets = native.status === 'loaded' ? 'native sockets' : `JavaScript sockets (${native.reason})`;
  return `${threads}, ${sockets}`;
}

function nextSteps(address: SocketAddress, options: ConfigOptions): string[] {
  const server = formatSocketAddress(reachable(address));
  const steps: [command: string, meaning: string][] = [
    [`npx kcpgate connect -s ${server} -l 7000`, 'a local TCP port that leads here,'],
    ['nc 127.0.0.1 7000', 'to talk to'],
  ];
  if (options.config === undefined) {
    steps.push(
      ['npx kcpgate serve --target 127.0.0.1:22', 'instead of this: a TCP server of yours behind it'],
      ['npm run demo', '64 MiB both ways over a bad network'],
    );
  }
  const width = Math.max(...steps.map(([command]) => command.length));
  return [
    'Try next, in another terminal:',
    ...steps.map(([command, meaning]) => `  ${command.padEnd(width)}   ${meaning}`),
    '',
  ];
}

/** An address to connect to on this machine. */
function reachable({ address, family, port }: SocketAddress): SocketAddress {
  if (address === '0.0.0.0' || address === '::') return { address: '127.0.0.1', family: 4, port };
  return { address, family, port };
}
