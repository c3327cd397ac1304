import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runKcpgate, startKcpgate, type RunningCommand } from './kcpgate-command.ts';

/** Ports of 127.0.0.1. */
export interface GatewayPorts {
  readonly udp: number;
  readonly tcp: number;
  readonly http: number;
}

/** A session as the admin API shows it. */
export interface ShownSession {
  readonly conv: number;
  /** `IP:port` of its client. */
  readonly address: string;
  readonly carrier: string;
  readonly state: string;
}

/** A gateway behind the nginx of a test, as `kcpgate serve` runs it in a process of its own. */
export class GatewayBehindNginx {
  readonly id: number;
  readonly name: string;
  readonly ports: GatewayPorts;
  /** What it runs with. */
  readonly configFile: string;
  private command: RunningCommand | undefined;
  private adminAddress = '';

  /**
   * @param folder of its configuration.
   * @param listener more keys of every listener. @param sections what stands in it besides listeners and `common`.
   */
  constructor(id: number, ports: GatewayPorts, folder: string, listener: string, sections: string) {
    this.id = id;
    this.name = `gw-${String(id)}`;
    this.ports = ports;
    this.configFile = join(folder, `${this.name}.yaml`);
    writeFileSync(
      this.configFile,
      `
common: { node_id: ${this.name}, gateway_id: ${String(id)}, admin_addr: "127.0.0.1:0", drain_timeout: 2s, log_levels: { login: debug } }
listeners:
  - { name: udp, type: kcp-udp, bind: "127.0.0.1:${String(ports.udp)}", proxy_protocol: proxy, ${listener} }
  - { name: tcp, type: kcp-tcp, bind: "127.0.0.1:${String(ports.tcp)}", proxy_protocol: proxy, ${listener} }
  - { name: http, type: http, bind: "127.0.0.1:${String(ports.http)}", ${listener} }
${sections}`,
    );
  }

  /** Where it is for nginx, as an entry of `front.gateways`. */
  get frontEntry(): string {
    return frontEntry(this.id, this.ports);
  }

  /** Its process. @throws Error when it was not started. */
  get process(): RunningCommand {
    if (this.command === undefined) throw new Error(`${this.name} was not started`);
    return this.command;
  }

  /** Starts it, once more when its process has ended. Resolves when it serves. */
  async start(): Promise<void> {
    await this.adopt(await startKcpgate(['serve', '-c', this.configFile, '--log-format', 'json']));
  }

  /** Takes a process that somebody else started. Resolves when it serves. */
  async adopt(command: RunningCommand): Promise<void> {
    this.command = command;
    this.adminAddress = String((await command.record('admin API')).address);
  }

  /** Arguments that it runs with. */
  get serveArguments(): readonly string[] {
    return ['serve', '-c', this.configFile, '--log-format', 'json'];
  }

  /** Its open sessions, a thousand at most. */
  async sessions(): Promise<readonly ShownSession[]> {
    const response = await fetch(`http://${this.adminAddress}/api/sessions?limit=1000`);
    return ((await response.json()) as { readonly sessions: readonly ShownSession[] }).sessions;
  }

  /** What a listener dropped, by reason. */
  async drops(listener: string): Promise<Readonly<Record<string, number>>> {
    const response = await fetch(`http://${this.adminAddress}/api/status`);
    const { listeners } = (await response.json()) as {
      readonly listeners: readonly {
        readonly name: string;
        readonly counters: { readonly drops: Record<string, number> };
      }[];
    };
    return listeners.find(({ name }) => name === listener)?.counters.drops ?? {};
  }

  /** @param deadline, jitter as in the options of the command. */
  async drain(deadline: string, jitter: string): Promise<void> {
    await this.tell('drain', '--deadline', deadline, '--jitter', jitter);
  }

  async undrain(): Promise<void> {
    await this.tell('undrain');
  }

  /** Ends it, whatever it was made to do. Safe to call when it was not started. */
  async stop(): Promise<void> {
    this.command?.signal('SIGCONT');
    await this.command?.stop();
  }

  private async tell(...command: readonly string[]): Promise<void> {
    const { code, errorOutput } = await runKcpgate([...command, '--admin', `http://${this.adminAddress}`]);
    if (code !== 0) throw new Error(errorOutput);
  }
}

/** An entry of `front.gateways`. */
export function frontEntry(id: number, { udp, tcp, http }: GatewayPorts): string {
  const at = (port: number): string => `'127.0.0.1:${String(port)}'`;
  return `{ name: gw-${String(id)}, gateway_id: ${String(id)}, udp: ${at(udp)}, tcp: ${at(tcp)}, http: ${at(http)} }`;
}
