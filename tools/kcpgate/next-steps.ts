import { existsSync } from 'node:fs';
import { basename, relative, sep } from 'node:path';
import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { GatewayConfig, HttpListenerConfig, ListenerConfig } from '../../src/gateway/config/config.ts';
import { DEFAULT_ADMIN_ADDRESS } from '../../src/gateway/config/schema.ts';
import type { BannerFacts } from './banner-facts.ts';

/**
 * What somebody who sees a gateway for the first time can try: lines for a shell on this machine, as they work in the
 * current folder, each behind a comment that says what it is for.
 */
export function nextSteps(facts: BannerFacts): string[] {
  const command = commandText(process.argv[1] ?? '');
  const steps = [...sessionSteps(facts, command), ...tunnelSteps(facts, command)];
  if (facts.options.config === undefined) {
    steps.push(
      { meaning: '64 MiB both ways over a bad network', commands: [`${command} demo`] },
      {
        meaning: 'instead of this: a TCP server of yours behind it',
        commands: [`${command} serve --target 127.0.0.1:22`],
      },
    );
  }
  return steps.flatMap(({ meaning, commands }) => [`  # ${meaning}`, ...commands.map((line) => `  ${line}`)]);
}

interface Step {
  readonly meaning: string;
  readonly commands: readonly string[];
}

/**
 * How the command is started again from the current folder.
 * @param script as Node was told it.
 */
export function commandText(script: string): string {
  if (script.split(sep).includes('node_modules')) return 'npx kcpgate';
  if (basename(script) === 'kcpgate') return 'kcpgate';
  return `node ${relative(process.cwd(), script)}`;
}

/** Sessions that log in: where anyone may, and the examples are at hand, as in a checkout. */
function sessionSteps(facts: BannerFacts, command: string): Step[] {
  const { config } = facts;
  const url = loginUrlOf(facts);
  if (url === undefined || config.login.auth !== 'none' || !existsSync(SESSION_EXAMPLE)) return [];
  const steps = [
    {
      meaning: 'a session that logs in, goes over every line, then takes what you type',
      commands: [`node ${SESSION_EXAMPLE} ${url}`],
    },
    ...adminSteps(facts, command),
  ];
  if (hasLine(config, 'kcp-udp') && hasLine(config, 'kcp-tcp')) {
    const commands = [`node ${LOST_LINE_EXAMPLE} ${url}`];
    steps.push({ meaning: 'the UDP line dies, the session lives on', commands });
  }
  return steps;
}

function adminSteps({ adminAddress, config }: BannerFacts, command: string): Step[] {
  if (adminAddress === undefined) return [];
  const isDefault = formatSocketAddress(adminAddress) === DEFAULT_ADMIN_ADDRESS;
  const options = [
    ...(isDefault ? [] : [`--admin http://${formatSocketAddress(reachable(adminAddress))}`]),
    ...(config.common.adminToken === null ? [] : ['--token-file FILE']),
  ];
  return [
    {
      meaning: 'meanwhile: who is connected, and to end the one with that ID',
      commands: [[command, 'sessions', ...options].join(' '), [command, 'kick 0.0', ...options].join(' ')],
    },
  ];
}

function tunnelSteps(facts: BannerFacts, command: string): Step[] {
  const url = loginUrlOf(facts);
  const server = stockServerOf(facts);
  const token = facts.config.login.auth === 'none' ? '' : ' --token-file FILE';
  const way = url === undefined ? server && `-s ${server}` : `--login ${url}${token}`;
  if (way === undefined) return [];
  return [
    {
      meaning: 'a local TCP port that leads here, to talk to',
      commands: [`${command} connect ${way} -l 7000`, 'nc 127.0.0.1 7000'],
    },
  ];
}

/** Where this machine logs in; undefined when there is no login. */
function loginUrlOf({ status, config }: BannerFacts): string | undefined {
  const http = config.listeners.find(
    (listener): listener is HttpListenerConfig => listener.type === 'http' && listener.loginPath !== null,
  );
  const open = status.listeners.find(({ name }) => name === http?.name);
  if (http === undefined || open === undefined) return undefined;
  const { tls, publicAddress, loginPath } = http;
  // A certificate is for the public name.
  const host = publicAddress === null ? formatSocketAddress(reachable(open.address)) : nameOf(publicAddress);
  return `${tls === null ? 'http' : 'https'}://${host}${loginPath ?? ''}`;
}

const nameOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;

/** A UDP address that takes sessions without login. */
function stockServerOf({ status, config }: BannerFacts): string | undefined {
  const udp = config.listeners.find((listener) => listener.type === 'kcp-udp' && listener.allowStock);
  const open = status.listeners.find(({ name }) => name === udp?.name);
  return open === undefined ? undefined : formatSocketAddress(reachable(open.address));
}

/** Whether clients are told a line of this type. */
const hasLine = ({ listeners }: GatewayConfig, type: ListenerConfig['type']): boolean =>
  listeners.some((listener) => listener.type === type && listener.type !== 'relay' && listener.line !== null);

/** An address to connect to on this machine. */
function reachable({ address, family, port }: SocketAddress): SocketAddress {
  if (address === '0.0.0.0' || address === '::') return { address: '127.0.0.1', family: 4, port };
  return { address, family, port };
}

const SESSION_EXAMPLE = 'examples/session.mjs';
const LOST_LINE_EXAMPLE = 'examples/lost-line.mjs';
