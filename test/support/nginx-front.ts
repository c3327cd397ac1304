import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runKcpgate, startKcpgate, type RunningCommand } from './kcpgate-command.ts';
import { frontEntry, GatewayBehindNginx, type GatewayPorts } from './nginx-gateway.ts';
import { freePorts } from './free-ports.ts';
import { NginxProcess } from './nginx-process.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './tls.ts';

/** Ports that nginx listens on. */
export interface FrontPorts {
  readonly udp: number;
  readonly tcp: number;
  /** TCP, TLS and wss on one port. */
  readonly shared: number;
  /** Login and WebSocket without TLS. */
  readonly http: number;
}

export interface NginxFrontOptions {
  /** Default 3. */
  readonly gateways?: number;
  /** More keys of every listener. */
  readonly listener?: string;
  /** Keys of `front.check`. */
  readonly check?: Readonly<Record<string, string>>;
  /** Whether a login has spare sessions of the other gateways. Default false. */
  readonly hasSpares?: boolean;
  /** Gateways that the front starts. Default: all. */
  readonly started?: (id: number) => boolean;
}

/** nginx with the generated set in front of gateways that log clients in to all of them. Everything is on this host. */
export class NginxFront {
  readonly nginx: NginxProcess;
  readonly gateways: readonly GatewayBehindNginx[];
  readonly ports: FrontPorts;
  /** Where clients log in. */
  readonly loginUrl: string;
  readonly ticketKey: string;
  private readonly folder: string;
  private checker: RunningCommand | undefined;

  private constructor(
    nginx: NginxProcess,
    gateways: readonly GatewayBehindNginx[],
    ports: FrontPorts,
    folder: string,
    ticketKey: string,
  ) {
    this.nginx = nginx;
    this.gateways = gateways;
    this.ports = ports;
    this.folder = folder;
    this.ticketKey = ticketKey;
    this.loginUrl = `http://127.0.0.1:${String(ports.http)}/api/login`;
  }

  /** Resolves when everything serves. The lines of gateway 2 are `udp-2`, `tcp-2`, `tls-2`, `ws-2` and `wss-2`. */
  static async start(options: NginxFrontOptions = {}): Promise<NginxFront> {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-nginx-'));
    // The workers of nginx are another user.
    chmodSync(folder, 0o755);
    const [udp, shared, http, inner] = await freePorts(1, 1, 1, 2);
    const ports = { udp: udp!, tcp: udp!, shared: shared!, http: http! };
    const ids = Array.from({ length: options.gateways ?? 3 }, (_, index) => index + 1);
    const own = await freePorts(...ids.flatMap(() => [1, 1]));
    const portsOf = (id: number): GatewayPorts => {
      const [both, web] = own.slice(2 * (id - 1));
      return { udp: both!, tcp: both!, http: web! };
    };
    const ticketKey = randomBytes(32).toString('base64');
    writeFileSync(join(folder, 'cert.pem'), TEST_CERTIFICATE);
    writeFileSync(join(folder, 'key.pem'), TEST_KEY);
    mkdirSync(join(folder, 'logs'));
    const front = frontSection(
      options,
      folder,
      ports,
      inner!,
      ids.map((id) => frontEntry(id, portsOf(id))),
    );
    const gateways = ids.map(
      (id) =>
        new GatewayBehindNginx(
          id,
          portsOf(id),
          folder,
          options.listener ?? '',
          `${SESSIONS_SECTION}${loginSection(options, ticketKey, ports, ids, id)}${front}`,
        ),
    );
    const started = options.started ?? (() => true);
    try {
      await Promise.all(gateways.filter(({ id }) => started(id)).map((gateway) => gateway.start()));
      const set = ['nginx', '-c', gateways[0]!.configFile, '--out', join(folder, 'conf')];
      const written = await runKcpgate(set);
      if (written.code !== 0) throw new Error(written.errorOutput);
      const nginx = await NginxProcess.start({
        ...{ prefix: folder, config: 'conf/nginx.conf', errorLog: 'logs/error.log', tcpPort: ports.http },
      });
      return new NginxFront(nginx, gateways, ports, folder, ticketKey);
    } catch (error) {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Starts `kcpgate upstream-check`. */
  async check(): Promise<RunningCommand> {
    const { configFile } = this.gateways[0]!;
    this.checker = await startKcpgate(['upstream-check', '-c', configFile, '--log-format', 'json']);
    return this.checker;
  }

  /** The gateway with that id. */
  gateway(id: number): GatewayBehindNginx {
    return this.gateways.find((gateway) => gateway.id === id)!;
  }

  /** Ends everything that was started. */
  async stop(): Promise<void> {
    await this.checker?.stop();
    await this.nginx.stop();
    await Promise.all(this.gateways.map((gateway) => gateway.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const SESSIONS_SECTION =
  'sessions: { new_sessions_per_source_per_second: 10000, max_sessions_per_source: 10000 }\n';

/** Every gateway knows the lines of all: each session has those of its own gateway, all of them through nginx. */
function loginSection(
  { hasSpares = false }: NginxFrontOptions,
  ticketKey: string,
  ports: FrontPorts,
  ids: readonly number[],
  own: number,
): string {
  const lines = ids.flatMap((id) => {
    // The spare sessions are tried a little later: so each gateway keeps those that log in at it.
    const first = id === own ? 0 : 2;
    const line = (name: string, transport: string, port: number, priority: number, more = ''): string =>
      `    - { id: ${name}-${String(id)}, gateway_id: ${String(id)}, transport: ${transport}, host: localhost, ` +
      `port: ${String(port)}, priority: ${String(first + priority)}${more} }\n`;
    const path = `, path: /kcp/${String(id)}`;
    return [
      line('udp', 'udp', ports.udp, 0),
      line('tcp', 'tcp', ports.tcp, 1),
      line('tls', 'tcp', ports.shared, 1, ', tls: true'),
      line('ws', 'ws', ports.http, 1, path),
      line('wss', 'wss', ports.shared, 1, path),
    ];
  });
  const spares = hasSpares ? ids.filter((id) => id !== own) : [];
  return `login:
  ticket_keys: [ { id: 1, key: "${ticketKey}" } ]
  logins_per_second_per_source: 10000
  logins_per_second_per_subject: 10000
  allow_http: true
  gateways: [ ${spares.join(', ')} ]
  lines:
${lines.join('')}`;
}

function frontSection(
  { check = {} }: NginxFrontOptions,
  folder: string,
  ports: FrontPorts,
  inner: number,
  gateways: readonly string[],
): string {
  return `front:
  gateways:
${gateways.map((gateway) => `    - ${gateway}\n`).join('')}  udp_port: ${String(ports.udp)}
  tcp_port: ${String(ports.tcp)}
  shared_port: ${String(ports.shared)}
  shared_inner_port: ${String(inner)}
  http_port: ${String(ports.http)}
  certificate_file: ${join(folder, 'cert.pem')}
  certificate_key_file: ${join(folder, 'key.pem')}
  max_sessions_per_source: 60000
  workers: 2
  pid_file: nginx.pid
  log_directory: logs
  check:
    include_directory: ${join(folder, 'conf', 'kcpgate')}
    test_command: [ nginx, -t, -p, ${folder}, -c, ${join(folder, 'conf', 'nginx.conf')} ]
    reload_command: [ nginx, -s, reload, -p, ${folder}, -c, ${join(folder, 'conf', 'nginx.conf')} ]
${Object.entries(check)
  .map(([key, value]) => `    ${key}: ${value}\n`)
  .join('')}
`;
}
