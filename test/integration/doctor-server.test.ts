import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Diagnosis } from '../../tools/kcpgate/doctor/doctor.ts';
import type { Finding } from '../../tools/kcpgate/doctor/finding.ts';
import { examineServer } from '../../tools/kcpgate/doctor/server/examine-server.ts';
import { startUdpRelay, type UdpRelayOptions } from '../../tools/kcpgate/relay/udp-relay.ts';
import { freePorts } from '../support/free-ports.ts';
import { runKcpgate } from '../support/kcpgate-command.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/tls.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gateway(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
  const running = await startLoginGateway(options);
  closers.push(() => running.gateway.stop());
  return running;
}

/** What a login says, as far as tests change it. */
interface Told {
  lines: { id: string; transport: string; host: string; port: number }[];
  serverTime: string;
}

/** A login that changes what that of a gateway says. @returns its URL. */
async function changed(loginUrl: string, change: (told: Told) => void): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(loginUrl, { method: 'POST', headers, body: Buffer.concat(chunks) });
      const told = (await answer.json()) as Told;
      change(told);
      response.writeHead(200, headers).end(JSON.stringify(told));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/api/login`;
}

/** A gateway whose UDP line leads over a bad network. @returns the URL of its login. */
async function behind(network: Partial<UdpRelayOptions>, options: LoginGatewayOptions = {}): Promise<string> {
  const { loginUrl, ports } = await gateway(options);
  const relay = await startUdpRelay({
    target: { address: '127.0.0.1', port: ports.udp },
    seed: 1,
    ...network,
  });
  closers.push(() => relay.close());
  return changed(loginUrl, ({ lines }) => {
    for (const line of lines) if (line.transport === 'udp') line.port = relay.port;
  });
}

async function examine(loginUrl: string, silencesMs: readonly number[] = []): Promise<Diagnosis> {
  return examineServer({ loginUrl: new URL(loginUrl), token: undefined, silencesMs });
}

function found({ findings }: Diagnosis, check: string): Finding {
  const finding = findings.find((one) => one.check === check);
  if (finding === undefined) throw new Error(`no finding ${check}: ${JSON.stringify(findings)}`);
  return finding;
}

describe('a gateway on this host', () => {
  test('has nothing wrong with it', async () => {
    const { loginUrl } = await gateway();
    const diagnosis = await examine(loginUrl);
    expect(diagnosis.exitCode).toBe(0);
    expect(diagnosis.findings.map(({ check }) => check)).toEqual([
      'login',
      'clock',
      'line udp',
      'line tcp',
      'line ws',
      'UDP',
      'NAT',
      'path MTU',
      'best line',
      'socket buffers',
    ]);
    for (const check of ['login', 'clock', 'line udp', 'line tcp', 'line ws', 'UDP', 'NAT', 'path MTU']) {
      expect(found(diagnosis, check), check).toMatchObject({ status: 'ok' });
    }
    expect(found(diagnosis, 'path MTU').details).toMatchObject({ largest: 1500, needed: 1428 });
    expect(found(diagnosis, 'best line')).toMatchObject({ status: 'ok' });
    expect(found(diagnosis, 'NAT').text).toContain('none: the gateway sees 127.0.0.1');
  });

  test('by the command', async () => {
    const { loginUrl } = await gateway();
    const { code, output } = await runKcpgate(['doctor', '--server', loginUrl]);
    expect(output).toMatch(/^ok {4}login +3 lines of 1 gateway, answered in \d+ ms$/m);
    expect(output).toMatch(/^ok {4}line udp +udp: 127\.0\.0\.1:\d+ \d+\.\d ms$/m);
    expect(code).toBe(0);
    const json = await runKcpgate(['doctor', '--server', loginUrl, '--json']);
    const report = JSON.parse(json.output) as { readonly ok: boolean; readonly findings: readonly Finding[] };
    expect(report.ok).toBe(true);
    expect(report.findings.find(({ check }) => check === 'line udp')).toMatchObject({
      status: 'ok',
      details: { transport: 'udp' },
    });
  });
});

test('the document on it has a row for every check', () => {
  const document = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');
  const rows = [...document.matchAll(/^\| ([\w ]+?) +\| (?!looks at)/gmu)].map(([, check]) => check);
  expect(rows).toEqual([
    'login',
    'certificate',
    'clock',
    'line',
    'UDP',
    'NAT',
    'path MTU',
    'best line',
    'NAT timeout',
    'socket buffers',
  ]);
});

test('options that do not go together are told', async () => {
  expect((await runKcpgate(['doctor', '--nat'])).code).toBe(2);
  expect((await runKcpgate(['doctor', '--server', 'gw.example'])).code).toBe(2);
  expect((await runKcpgate(['doctor', '--server', 'https://gw.example/', '-c', 'x.yaml'])).code).toBe(2);
});

describe('a network', () => {
  test('that blocks UDP: other lines are used, and what to change', async () => {
    const diagnosis = await examine(await behind({ toTarget: { lossRate: 1 } }));
    expect(diagnosis.exitCode).toBe(0);
    expect(found(diagnosis, 'line udp')).toMatchObject({
      status: 'warning',
      text: expect.stringContaining('no answer') as string,
    });
    const udp = found(diagnosis, 'UDP');
    expect(udp).toMatchObject({ status: 'warning', details: { ways: 1, answered: 0 } });
    expect(udp.text).toContain('blocked');
    expect(udp.advice?.[0]).toMatch(/let UDP to port \d+ out/);
    expect(found(diagnosis, 'line tcp').status).toBe('ok');
    expect(found(diagnosis, 'best line').text).toMatch(/^(tcp|ws)/);
    expect(diagnosis.findings.some(({ check }) => check === 'path MTU')).toBe(false);
  });

  test('that drops long packets: how long they may be', async () => {
    const diagnosis = await examine(await behind({ toTarget: { mtuBytes: 1300 } }));
    const mtu = found(diagnosis, 'path MTU');
    // With headers 1328: the longest of those tried that fits is 1280.
    expect(mtu).toMatchObject({ status: 'warning', details: { largest: 1280, needed: 1428 } });
    expect(mtu.advice).toContain('whoever runs the gateway: sessions.mtu: 1252');
  });

  test('that drops long packets is good enough for a gateway that sends short ones', async () => {
    const diagnosis = await examine(
      await behind({ toTarget: { mtuBytes: 1300 } }, { sessions: 'mtu: 1200' }),
    );
    expect(found(diagnosis, 'path MTU')).toMatchObject({ status: 'ok', details: { needed: 1228 } });
  });

  test('that forgets silent clients: when', async () => {
    const loginUrl = await behind({ mappingMs: 2_000 });
    const diagnosis = await examine(loginUrl, [100, 4_000]);
    expect(found(diagnosis, 'NAT')).toMatchObject({
      status: 'note',
      text: expect.stringContaining('behind one') as string,
    });
    expect(found(diagnosis, 'NAT timeout')).toMatchObject({
      status: 'warning',
      details: {
        sockets: [
          { silentMs: 100, isKept: true },
          { silentMs: 4_000, isKept: false },
        ],
      },
    });
  });

  test('that gives a client another address all the time', async () => {
    const diagnosis = await examine(await behind({ mappingMs: 20 }));
    expect(found(diagnosis, 'NAT')).toMatchObject({ status: 'warning' });
    expect(found(diagnosis, 'NAT').text).toContain('changes while it is used');
  });

  test('where no line answers is a failure', async () => {
    const { loginUrl } = await gateway();
    const port = Number(new URL(await nobodyAt()).port);
    const url = await changed(loginUrl, (told) => {
      told.lines = told.lines.filter(({ id }) => id !== 'ws');
      for (const line of told.lines) line.port = port;
    });
    const diagnosis = await examine(url);
    expect(diagnosis.exitCode).toBe(1);
    expect(found(diagnosis, 'line tcp').text).toContain('connection refused');
    expect(found(diagnosis, 'UDP')).toMatchObject({ status: 'failure' });
  });

  test('where a name is not found', async () => {
    const { loginUrl } = await gateway();
    const url = await changed(loginUrl, ({ lines }) => {
      for (const line of lines) if (line.id === 'tcp') line.host = 'no-such-host.invalid';
    });
    expect(found(await examine(url), 'line tcp')).toMatchObject({ status: 'warning' });
  });
});

test('a clock that is wrong here', async () => {
  const { loginUrl } = await gateway();
  const url = await changed(loginUrl, (told) => {
    told.serverTime = new Date(Date.now() + 120_000).toISOString();
  });
  const clock = found(await examine(url), 'clock');
  expect(clock.status).toBe('warning');
  expect(clock.text).toMatch(/^1(1[89]|2[01])\.\d s behind the gateway$/);
});

describe('certificates', () => {
  test('that are not believed are told, of the login and of lines', async () => {
    const options = {
      tls: `tls: { cert_file: "${fileOf('cert.pem', TEST_CERTIFICATE)}", key_file: "${fileOf('key.pem', TEST_KEY)}" }`,
    };
    const { loginUrl } = await gateway(options);
    const diagnosis = await examine(loginUrl);
    expect(diagnosis.exitCode).toBe(1);
    const certificates = diagnosis.findings.filter(({ check }) => check === 'certificate');
    expect(certificates).toHaveLength(2);
    for (const { status, text, advice } of certificates) {
      expect(status).toBe('failure');
      expect(text).toContain('signed by itself');
      expect(advice?.[0]).toContain('NODE_EXTRA_CA_CERTS');
    }
    expect(found(diagnosis, 'line wss')).toMatchObject({ status: 'warning' });
  });
});

/** A file that is there until the test is over. @returns its path. */
function fileOf(name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-doctor-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** A URL where nobody listens. */
async function nobodyAt(): Promise<string> {
  const [port] = await freePorts(1);
  return `http://127.0.0.1:${String(port)}/api/login`;
}

describe('a login', () => {
  test('that wants a token', async () => {
    const login = 'auth: static, tokens: [ { subject: alice, token: "0123456789abcdef" } ]';
    const { loginUrl } = await gateway({ login });
    const refused = found(await examine(loginUrl), 'login');
    expect(refused).toMatchObject({ status: 'failure', details: { status: 401 } });
    expect(refused.advice).toEqual(['this login wants a token: --token-file FILE']);
    const token = fileOf('token', '0123456789abcdef\n');
    const { code } = await runKcpgate(['doctor', '--server', loginUrl, '--token-file', token]);
    expect(code).toBe(0);
  });

  test('where nobody listens, and what is no login', async () => {
    const { loginUrl } = await gateway();
    const { origin } = new URL(loginUrl);
    expect(found(await examine(`${origin}/elsewhere`), 'login').advice?.[0]).toContain('path');
    const page = await changed(loginUrl, (told) => {
      told.lines = [];
    });
    expect(found(await examine(page), 'login').advice?.[1]).toContain('captive portal');
    const nobody = await examine(await nobodyAt());
    expect(nobody.exitCode).toBe(1);
    expect(found(nobody, 'login').text).toContain('connection refused');
    expect(nobody.findings.map(({ check }) => check)).toEqual(['login', 'socket buffers']);
  });
});
