import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runKcpgate, startKcpgate, type RunningCommand } from './kcpgate-command.ts';

/** How a gateway process is configured; texts are pieces of YAML. */
export interface ServedGatewayOptions {
  readonly id: number;
  /** 32 bytes in base64. */
  readonly ticketKey: string;
  /** Names of its UDP listeners, which are the ids of the lines, too; there are `tcp` and `ws` besides. */
  readonly udp: readonly string[];
  /** Where its listeners are to be, by name. Default: anywhere. */
  readonly ports?: Readonly<Record<string, number>>;
  /** More keys of the sections `common`, `sessions` and `login`. */
  readonly common?: string;
  readonly sessions?: string;
  readonly login?: string;
}

/** A gateway with an echo, as `kcpgate serve` runs it, in a process of its own. */
export interface ServedGateway {
  readonly process: RunningCommand;
  readonly id: number;
  /** The ports of its listeners, by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Where its admin API is. */
  readonly admin: string;
  /** @param deadline as in `--deadline`. */
  drain(deadline: string): Promise<void>;
  undrain(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one on 127.0.0.1. Line ids end with the id of the gateway: `udp-1`. */
export async function serveGateway(options: ServedGatewayOptions): Promise<ServedGateway> {
  const { id, ticketKey, udp, ports: wanted = {}, common = '', sessions = '', login = '' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-served-'));
  const file = join(folder, 'gateway.yaml');
  const listener = (name: string, type: string): string =>
    `  - { name: ${name}, type: ${type}, bind: "127.0.0.1:${String(wanted[name] ?? 0)}", line: { id: ${name}-${String(id)} } }\n`;
  const names = [
    ...udp.map((name) => [name, 'kcp-udp'] as const),
    ['tcp', 'kcp-tcp'],
    ['ws', 'http'],
  ] as const;
  writeFileSync(
    file,
    `
common: { gateway_id: ${String(id)}, admin_addr: "127.0.0.1:0", drain_timeout: 2s, ${common} }
listeners:
${names.map(([name, type]) => listener(name, type)).join('')}
sessions: { new_sessions_per_source_per_second: 10000, max_sessions_per_source: 10000, ${sessions} }
login: { ticket_keys: [ { id: 1, key: "${ticketKey}" } ], logins_per_second_per_source: 10000, ${login} }
`,
  );
  const process = await startKcpgate(['serve', '-c', file, '--log-format', 'json']);
  const stop = async (): Promise<void> => {
    await process.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const ports: Record<string, number> = {};
    for (const [name] of names) {
      const { address } = await process.record('listening', { listener: name });
      ports[name] = Number(String(address).split(':').at(-1));
    }
    const admin = `http://${String((await process.record('admin API')).address)}`;
    const tell = async (...command: readonly string[]): Promise<void> => {
      const { code, errorOutput } = await runKcpgate([...command, '--admin', admin]);
      if (code !== 0) throw new Error(errorOutput);
    };
    return {
      ...{ process, id, ports, admin, stop },
      drain: (deadline) => tell('drain', '--deadline', deadline, '--jitter', '200ms'),
      undrain: () => tell('undrain'),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
