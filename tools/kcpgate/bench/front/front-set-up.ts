import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { loadConfig } from '../../../../src/gateway/config/load.ts';
import { renderNginxSet } from '../../nginx/nginx-set.ts';
import { writeSet } from '../../nginx/write-set.ts';
import { ChildProgram } from '../child-program.ts';
import type { LoadOptions } from '../load-options.ts';
import { cpuSeconds, processUsage } from '../process-usage.ts';
import { ownCommand } from '../stack.ts';

/** The CPU time of the two programs, in seconds, and the datagrams that the gateway received and sent. */
export interface FrontUsage {
  readonly gatewaySeconds: number;
  readonly nginxSeconds: number;
  readonly datagrams: number;
}

/** A gateway with an echo, and nginx in front of it: the set that `kcpgate nginx` makes, with one worker. Linux. */
export class FrontSetUp {
  /** Where clients log in; straight, in every run. */
  readonly loginUrl: string;
  /** Of UDP and TCP both. */
  readonly gatewayPort: number;
  readonly nginxPort: number;
  private readonly gateway: ChildProgram;
  private readonly nginx: ChildProgram;
  private readonly folder: string;
  private readonly statusUrl: string;

  private constructor(gateway: ChildProgram, nginx: ChildProgram, ports: SetUpPorts, folder: string) {
    this.gateway = gateway;
    this.nginx = nginx;
    this.folder = folder;
    this.gatewayPort = ports.gateway;
    this.nginxPort = ports.nginx;
    this.loginUrl = `http://127.0.0.1:${ports.http}/api/login`;
    this.statusUrl = `http://127.0.0.1:${ports.admin}/api/status`;
  }

  /** @throws Error when nginx is not there, or one of them does not start. */
  static async start(load: LoadOptions): Promise<FrontSetUp> {
    if (!isInstalled('nginx')) throw new Error('front needs nginx with its stream and njs modules');
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-bench-'));
    const started: ChildProgram[] = [];
    const run = async (name: string, words: readonly string[], port: number): Promise<ChildProgram> => {
      const [command = '', ...rest] = words;
      const program = await ChildProgram.start(name, command, rest);
      started.push(program);
      await answers(port, program);
      return program;
    };
    try {
      // The worker of nginx is another user.
      chmodSync(folder, 0o755);
      const [own = 0, front = 0, http = 0, admin = 0] = await freePorts(4);
      const ports = { gateway: own, nginx: front, http, admin };
      const text = JSON.stringify(configOf(ports, folder, load));
      writeFileSync(join(folder, 'gateway.yaml'), text);
      const gateway = await run('the gateway', serveCommand(join(folder, 'gateway.yaml')), admin);
      writeNginx(text, folder);
      const words = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
      const nginx = await run('nginx', words, front);
      return new FrontSetUp(gateway, nginx, ports, folder);
    } catch (error) {
      for (const program of started.reverse()) await program.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** What was used so far. */
  async usage(): Promise<FrontUsage> {
    const gatewaySeconds = usedSeconds(this.gateway.pid);
    const nginxSeconds = childrenOf(this.nginx.pid).reduce((sum, pid) => sum + usedSeconds(pid), 0);
    const response = await fetch(this.statusUrl);
    const { listeners } = (await response.json()) as {
      readonly listeners: readonly { readonly receivedDatagrams: number; readonly sentDatagrams: number }[];
    };
    const datagrams = listeners.reduce((sum, one) => sum + one.receivedDatagrams + one.sentDatagrams, 0);
    return { gatewaySeconds, nginxSeconds, datagrams };
  }

  async stop(): Promise<void> {
    await this.nginx.stop();
    await this.gateway.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface SetUpPorts {
  readonly gateway: number;
  readonly nginx: number;
  readonly http: number;
  readonly admin: number;
}

function configOf(ports: SetUpPorts, folder: string, { preset, mtu, window }: LoadOptions): object {
  const at = (port: number): string => `127.0.0.1:${port}`;
  const connections = { max_connections: MANY, max_connections_per_source: MANY };
  return {
    common: { gateway_id: 1, admin_addr: at(ports.admin), drain_timeout: '0s', log_level: 'error' },
    listeners: [
      { name: 'udp', type: 'kcp-udp', bind: at(ports.gateway), proxy_protocol: 'proxy' },
      { name: 'tcp', type: 'kcp-tcp', bind: at(ports.gateway), proxy_protocol: 'proxy', ...connections },
      { name: 'http', type: 'http', bind: at(ports.http), ...connections },
    ],
    sessions: {
      ...{ preset, mtu, send_window: window, receive_window: window },
      ...{ max_sessions: MANY, max_sessions_per_source: MANY },
      ...{ new_sessions_per_second: MANY, new_sessions_per_source_per_second: MANY },
    },
    login: { logins_per_second: MANY, logins_per_second_per_source: MANY, allow_http: true },
    upstreams: { echo: { type: 'echo' } },
    routes: [{ name: 'all', target: 'echo' }],
    front: {
      gateways: [{ name: 'gw-1', gateway_id: 1, udp: at(ports.gateway), tcp: at(ports.gateway) }],
      ...{ udp_port: ports.nginx, tcp_port: ports.nginx, ipv6: false, workers: 1 },
      ...{ max_sessions_per_source: 65_535, pid_file: 'nginx.pid', log_directory: 'logs' },
      check: { include_directory: join(folder, 'kcpgate') },
    },
  };
}

function writeNginx(text: string, folder: string): void {
  const loaded = loadConfig({ text, env: {} });
  if (!loaded.ok) throw new Error(loaded.errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
  mkdirSync(join(folder, 'logs'));
  writeSet(renderNginxSet(loaded.config.front), folder, true);
}

/** This program again, as a gateway. */
function serveCommand(file: string): string[] {
  const own = ownCommand();
  return [...own.slice(0, -1), 'serve', '-c', file];
}

/** Resolves when somebody accepts connections there. @throws Error when the program has ended, or takes too long. */
async function answers(port: number, program: ChildProgram): Promise<void> {
  for (const deadline = performance.now() + START_TIMEOUT_MS; ;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    program.assertRunning();
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port}`);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

/**
 * Ports that are free on TCP and UDP: nginx does not say which one it got. None of those that the system gives to clients: they
 * would have them before they are taken.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const held: { close(): unknown }[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === MAX_TRIES) throw new Error('front finds no free ports');
    const port = randomInt(FIRST_PORT, LAST_PORT);
    const server = createServer();
    const socket = createSocket('udp4');
    held.push(server, socket);
    server.listen(port, '127.0.0.1');
    socket.bind(port, '127.0.0.1');
    const isFree = await Promise.all([once(server, 'listening'), once(socket, 'listening')]).then(
      () => true,
      () => false,
    );
    if (isFree) ports.push(port);
  }
  for (const one of held) one.close();
  return ports;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

function usedSeconds(pid: number): number {
  const usage = processUsage(pid);
  if (usage === undefined) throw new Error('front needs /proc');
  return cpuSeconds(usage.cpu);
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

const MANY = 1_000_000;
const FIRST_PORT = 12_000;
const LAST_PORT = 30_000;
const MAX_TRIES = 1_000;
const START_TIMEOUT_MS = 15_000;
