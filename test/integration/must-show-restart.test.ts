import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connect, login, type Connection } from '../../src/client/node/index.ts';
import { freePorts } from '../support/free-ports.ts';
import { startKcpgate, type RunningCommand } from '../support/kcpgate-command.ts';

const SESSIONS = 200;
/** Clients come back at a random time within this, so that not all come at once. */
const JITTER_MS = 1_000;
const LINES = ['udp', 'tcp', 'ws'] as const;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Ports {
  readonly udp: string;
  readonly tcp: string;
  readonly ws: string;
}

/** The command on these addresses, with ticket keys that outlive it. */
async function serve(
  folder: string,
  key: string,
  at: Ports,
): Promise<{ gateway: RunningCommand; at: Ports }> {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `
common: { gateway_id: 1, admin_addr: null }
listeners:
  - { name: udp, type: kcp-udp, bind: "${at.udp}" }
  - { name: tcp, type: kcp-tcp, bind: "${at.tcp}" }
  - { name: ws, type: http, bind: "${at.ws}" }
login: { ticket_keys: [ { id: 1, key: "${key}" } ], logins_per_second_per_source: 10000 }
sessions: { new_sessions_per_source_per_second: 1000 }
`,
  );
  const gateway = await startKcpgate(['serve', '-c', file, '--log-format', 'json']);
  closers.push(() => gateway.stop());
  const addressOf = async (listener: string): Promise<string> =>
    String((await gateway.record('listening', { listener })).address);
  return {
    gateway,
    at: { udp: await addressOf('udp'), tcp: await addressOf('tcp'), ws: await addressOf('ws') },
  };
}

/** One user: speaks ten times a second, and comes back when the gateway does not know its session any more. */
class User {
  /** Answers that came. */
  echoes = 0;
  /** When its session began anew. */
  backAt: number | undefined;
  lostWith: number | undefined;
  isGone = false;
  private readonly line: (typeof LINES)[number];
  private readonly loginUrl: string;

  constructor(line: (typeof LINES)[number], loginUrl: string) {
    this.line = line;
    this.loginUrl = loginUrl;
  }

  async live(): Promise<void> {
    let credentials = await login({ loginUrl: this.loginUrl });
    while (!this.isGone) {
      const connection = await connect({ credentials, line: this.line, handshakeTimeoutMs: 2_000 }).catch(
        () => undefined,
      );
      if (connection === undefined) {
        await delay(Math.random() * JITTER_MS);
        continue;
      }
      if (this.lostWith !== undefined) this.backAt ??= performance.now();
      credentials = connection.login;
      await this.talk(connection);
    }
  }

  private async talk(connection: Connection): Promise<void> {
    void (async () => {
      for await (const _message of connection) this.echoes++;
    })();
    const closed = connection.closed.then(({ code }) => (this.lostWith = code));
    do connection.send(Buffer.from('are you there?'));
    while (!this.isGone && (await Promise.race([delay(100), closed])) === undefined);
    await connection.destroy();
    if (!this.isGone) await delay(Math.random() * JITTER_MS);
  }
}

test(
  `a gateway is killed and started again under ${String(SESSIONS)} sessions: all are back within 3 s`,
  { timeout: 90_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-restart-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const key = randomBytes(32).toString('base64');
    // Ports the system does not give out: users try again meanwhile, and one of their sockets could get that of the gateway.
    const [udp, tcp, ws] = (await freePorts(1, 1, 1)).map((port) => `127.0.0.1:${String(port)}`);
    const first = await serve(folder, key, { udp: udp!, tcp: tcp!, ws: ws! });
    const users = Array.from(
      { length: SESSIONS },
      (_, index) => new User(LINES[index % LINES.length] ?? 'udp', `http://${first.at.ws}/api/login`),
    );
    const lives = users.map((user) => user.live());
    closers.push(async () => {
      for (const user of users) user.isGone = true;
      await Promise.all(lives);
    });
    while (!users.every(({ echoes }) => echoes > 0)) await delay(20);
    first.gateway.signal('SIGKILL');
    const killedAt = performance.now();
    await first.gateway.exit;
    const second = await serve(folder, key, first.at);
    const readyAt = performance.now();
    while (!users.every(({ backAt }) => backAt !== undefined)) await delay(10);
    const times = users.map(({ backAt = 0 }) => backAt - readyAt).sort((a, b) => a - b);
    const of = (share: number): string => (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(0);
    const codes = Object.fromEntries(LINES.map((line, i) => [line, users[i]?.lostWith]));
    console.log(
      `${String(SESSIONS)} sessions back after a restart that took ${(readyAt - killedAt).toFixed(0)} ms; from when it listened: ` +
        `p10 ${of(0.1)}, p50 ${of(0.5)}, p90 ${of(0.9)}, p99 ${of(0.99)}, last ${of(1)} ms; closed with ${JSON.stringify(codes)}`,
    );
    for (const user of users) user.isGone = true;
    await Promise.all(lives);
    await second.gateway.stop();
    // Tickets hold: nobody logged in again.
    expect(second.gateway.output).not.toContain('"msg":"login"');
    expect(times.at(-1)).toBeLessThan(30_000);
  },
);
