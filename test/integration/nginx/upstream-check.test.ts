import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { probeHttp } from '../../../tools/kcpgate/upstream-check/http-prober.ts';
import type { ProbeOutcome } from '../../../tools/kcpgate/upstream-check/probe-outcome.ts';
import { probeTcp } from '../../../tools/kcpgate/upstream-check/tcp-prober.ts';
import { UdpProber } from '../../../tools/kcpgate/upstream-check/udp-prober.ts';
import { freePorts } from '../../support/free-ports.ts';
import { runKcpgate, startKcpgate, type RunningCommand } from '../../support/kcpgate-command.ts';
import { startLoginGateway } from '../../support/login-gateway.ts';
import { serveGateway, type ServedGateway } from '../../support/served-gateway.ts';
import { expectExposition } from '../../support/exposition.ts';

const TIMEOUT_MS = 2_000;
/** For what is not to be answered. */
const SHORT_MS = 60;

const at = (port: number): SocketAddress => ({ address: '127.0.0.1', family: 4, port });

/** What came of a probe that this process, on a busy machine, was not late for. */
async function judged(probe: () => Promise<ProbeOutcome>): Promise<ProbeOutcome> {
  let outcome = await probe();
  for (let attempt = 0; attempt < 50 && outcome.result === 'discarded'; attempt++) outcome = await probe();
  return outcome;
}

async function udpOnce(address: SocketAddress, timeoutMs: number): Promise<ProbeOutcome> {
  const prober = new UdpProber(address);
  try {
    return await prober.probe(timeoutMs);
  } finally {
    prober.close();
  }
}

describe('a gateway is asked', () => {
  it.each([1, 2])(
    'in every way it has, behind PROXY headers too, which it does not need (%i threads)',
    { timeout: 120_000 },
    async (workers) => {
      const { gateway, ports } = await startLoginGateway({
        workers,
        listeners: 'proxy_protocol: proxy, trusted_proxies: ["127.0.0.1/32"]',
      });
      onTestFinished(() => gateway.stop());
      const prober = new UdpProber(at(ports.udp));
      onTestFinished(() => prober.close());
      const ask = async (): Promise<readonly ProbeOutcome[]> => [
        await prober.probe(TIMEOUT_MS),
        await probeTcp(at(ports.tcp), TIMEOUT_MS),
        await probeHttp(at(ports.ws), TIMEOUT_MS),
      ];
      const [udp, tcp, http] = await ask();
      const condition = { load: 0, draining: false, notReady: false };
      expect(udp).toMatchObject({ result: 'answered', condition });
      expect(tcp).toMatchObject({ result: 'answered', condition });
      expect(http).toMatchObject({ result: 'answered', condition: { ...condition, load: null } });
      gateway.drain({ deadlineMs: 1000, jitterMs: 0, lines: [] });
      await expect
        .poll(
          async () => (await ask()).map((found) => found.result === 'answered' && found.condition.draining),
          POLL,
        )
        .toEqual([true, true, true]);
    },
  );

  it('over UDP: nothing counts but the answer to this very probe', async () => {
    const server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const ports = new Set<number>();
    let answerOf = (_: Buffer): readonly Uint8Array[] => [];
    server.on('message', (probe, { port }) => {
      ports.add(port);
      for (const answer of answerOf(probe)) server.send(answer, port, '127.0.0.1');
    });
    const prober = new UdpProber(at(server.address().port));
    onTestFinished(() => prober.close());

    expect(await judged(() => prober.probe(SHORT_MS))).toMatchObject({ result: 'failed', reason: 'timeout' });
    // Garbage, an answer to another nonce, the probe itself.
    answerOf = (probe) => [new Uint8Array(0), Buffer.from('garbage'), answerTo(probe, 1), probe];
    expect(await judged(() => prober.probe(SHORT_MS))).toMatchObject({
      result: 'failed',
      reason: 'bad_answer',
    });
    answerOf = (probe) => [Buffer.from('garbage'), answerTo(probe, 1), answerTo(probe)];
    expect(await prober.probe(TIMEOUT_MS)).toMatchObject({ result: 'answered', condition: { load: 7 } });
    // After each failure it comes from another port, after an answer from the same.
    expect(ports.size).toBeGreaterThanOrEqual(3);
    const before = new Set(ports);
    expect(await prober.probe(TIMEOUT_MS)).toMatchObject({ result: 'answered' });
    expect(ports).toEqual(before);
    const { port } = server.address();
    expect(await udpOnce(at(await freePort()), TIMEOUT_MS)).toMatchObject({
      result: 'failed',
      reason: 'refused',
    });
    expect(await udpOnce({ address: '255.255.255.255', family: 4, port }, TIMEOUT_MS)).toMatchObject({
      ...{ result: 'failed', reason: 'unreachable' },
    });
  });

  it('over TCP: a connection is no answer', async () => {
    const accepting = (onConnection: (socket: Socket) => void) => listenTcp(onConnection);
    const silent = await accepting(() => undefined);
    expect(await judged(() => probeTcp(silent, SHORT_MS))).toMatchObject({
      result: 'failed',
      reason: 'timeout',
    });
    const closing = await accepting((socket) => socket.end());
    expect(await probeTcp(closing, TIMEOUT_MS)).toMatchObject({ result: 'failed', reason: 'closed' });
    const talking = await accepting((socket) => socket.write('SSH-2.0-x\r\n'.repeat(10_000)));
    expect(await probeTcp(talking, TIMEOUT_MS)).toMatchObject({ result: 'failed', reason: 'bad_answer' });
    const wrong = await accepting((socket) => {
      socket.on('data', (frame) =>
        socket.write(Buffer.concat([frame.subarray(0, 2), answerTo(frame.subarray(2), 1)])),
      );
    });
    expect(await probeTcp(wrong, TIMEOUT_MS)).toMatchObject({ result: 'failed', reason: 'bad_answer' });
    const inPieces = await accepting((socket) => {
      socket.setNoDelay(true).on('data', (frame) => {
        const answer = Buffer.concat([frame.subarray(0, 2), answerTo(frame.subarray(2))]);
        socket.write(answer.subarray(0, 1));
        setImmediate(() => socket.write(answer.subarray(1)));
      });
    });
    expect(await probeTcp(inPieces, TIMEOUT_MS)).toMatchObject({
      result: 'answered',
      condition: { load: 7 },
    });
    expect(await probeTcp(at(await freePort()), TIMEOUT_MS)).toMatchObject({
      result: 'failed',
      reason: 'refused',
    });
  });

  it.each<[string, number, string, object]>([
    ['another page', 200, '<html>', { result: 'failed', reason: 'bad_answer' }],
    ['another document', 200, '{"ok":true}', { result: 'failed', reason: 'bad_answer' }],
    ['a long document', 200, `"${'x'.repeat(100_000)}"`, { result: 'failed', reason: 'bad_answer' }],
    ['a status of its own', 404, '', { result: 'failed', reason: 'http_status', detail: '404' }],
    [
      'that it is busy',
      503,
      '{"status":"down","checks":{}}',
      { result: 'answered', condition: { notReady: true } },
    ],
  ])('over HTTP: it answers %s', async (_, status, body, expected) => {
    const server = createHttpServer((_request, response) => response.writeHead(status).end(body));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await probeHttp(at(port), TIMEOUT_MS)).toMatchObject(expected);
  });

  it('over HTTP: it does not speak HTTP', async () => {
    const server = await listenTcp((socket) => socket.end('SSH-2.0-x\r\n'));
    expect(await probeHttp(server, TIMEOUT_MS)).toMatchObject({ result: 'failed', reason: 'bad_answer' });
  });
});

describe('kcpgate upstream-check', () => {
  it('follows two gateways through a hang, a drain and a broken configuration of nginx', async () => {
    const world = await startWorld();
    const { checker, folder, gateways, metrics } = world;
    const [first, second] = gateways;
    await checker.record('nginx was told');
    expect(world.file('pool-udp.inc')).not.toContain(' down;');

    // Another one is turned away.
    const other = await runKcpgate(['upstream-check', '-c', world.config, '--once']);
    expect(other.code).toBe(2);
    expect(other.errorOutput).toContain('another upstream-check (process');
    const look = await runKcpgate(['upstream-check', '-c', world.config, '--once', '--dry-run', '--json']);
    expect(look.code).toBe(0);
    expect(
      look.output
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event),
    ).toEqual([...['gateway', 'gateway', 'files']]);

    second.process.signal('SIGSTOP');
    for (const kind of ['udp', 'tcp', 'http']) {
      await checker.record('a gateway is down', {
        gateway: 'gw-2',
        kind,
        reason: 'timeout, 2 times in a row',
      });
    }
    await expect.poll(() => world.file('owners-udp.inc'), POLL).toContain('2 kcpgate_udp_pool;');
    for (const kind of ['udp', 'tcp', 'http']) {
      expect(world.file(`owners-${kind}.inc`)).toContain(`1 kcpgate_${kind}_1;`);
      expect(world.file(`owners-${kind}.inc`)).toContain(`2 kcpgate_${kind}_pool;`);
      expect(world.file(`pool-${kind}.inc`)).toMatch(/ down; # gw-2$/m);
    }
    second.process.signal('SIGCONT');
    await checker.record('a gateway is up', { gateway: 'gw-2', kind: 'udp', from: 'down' });
    await expect.poll(() => world.file('owners-udp.inc'), POLL).toContain('2 kcpgate_udp_2;');

    await first.drain('60s');
    await expect.poll(() => world.file('pool-udp.inc'), POLL).toMatch(/ down; # gw-1$/m);
    expect(world.file('owners-udp.inc')).toContain('1 kcpgate_udp_1;');
    const text = await textAt(`${metrics}/metrics`);
    expectExposition(text);
    for (const line of [
      'kcpgate_upstream_check_gateway_state{gateway="gw-1",kind="udp",state="draining"} 1',
      'kcpgate_upstream_check_gateway_state{gateway="gw-2",kind="tcp",state="up"} 1',
      'kcpgate_upstream_check_gateway_draining{gateway="gw-1"} 1',
      'kcpgate_upstream_check_gateway_load{gateway="gw-2"} 0',
      'kcpgate_upstream_check_state_changes_total{gateway="gw-2",kind="udp",to="down"} 1',
      'kcpgate_upstream_check_gateway_restarts_total{gateway="gw-2"} 0',
      'kcpgate_upstream_check_updates_total{result="test_failed"} 0',
      'kcpgate_upstream_check_panic{kind="udp"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/probe_failures_total\{gateway="gw-2",kind="udp",reason="timeout"\} [1-9]/);
    expect(text).toMatch(/probe_duration_seconds_count\{gateway="gw-1",kind="http"\} [1-9]/);
    expect(JSON.parse(await textAt(`${metrics}/api/health/live`))).toMatchObject({ status: 'up' });

    // Somebody breaks the configuration of nginx: the files stay as they are, and are written when it is mended.
    const before = world.file('pool-udp.inc');
    writeFileSync(join(folder, 'broken'), '');
    await first.undrain();
    const failure = await checker.record('nginx does not take the include files; they are as before');
    expect(failure.detail).toContain('[emerg] broken');
    expect(world.file('pool-udp.inc')).toBe(before);
    expect(await textAt(`${metrics}/metrics`)).toMatch(/^kcpgate_upstream_check_behind 1$/m);
    rmSync(join(folder, 'broken'));
    await checker.record('nginx was told, at last');
    expect(world.file('pool-udp.inc')).not.toContain(' down;');

    const written = world.file('pool-udp.inc');
    expect(await checker.stop()).toEqual({ code: 0, signal: null });
    expect(world.file('pool-udp.inc')).toBe(written);
    expect(existsSync(join(folder, 'include', 'upstream-check.lock'))).toBe(false);
    // Started again with all as it was, it has nothing to tell.
    const reloads = world.reloads();
    const again = await runKcpgate(['upstream-check', '-c', world.config, '--once']);
    expect(again.output).toMatch(/^gw-1 +1 +up .*ms/m);
    expect(again.output).toContain('nginx has what it should');
    expect([again.code, world.reloads()]).toEqual([0, reloads]);
  }, 240_000);

  it('needs gateways, and a folder that it can write in', { timeout: 120_000 }, async () => {
    const nobody = await runKcpgate(['upstream-check', '--once', '--bind', '127.0.0.1:0']);
    expect(nobody.code).toBe(2);
    expect(nobody.errorOutput).toContain('there is no gateway to watch');
    const nowhere = await runKcpgate([
      ...['upstream-check', '--once', '--set', 'front.check.include_directory=/nowhere/kcpgate'],
    ]);
    expect(nowhere.code).toBe(1);
    expect(nowhere.errorOutput).toContain('cannot write in the include directory: ENOENT');
  });
});

interface World {
  readonly checker: RunningCommand;
  readonly gateways: readonly [ServedGateway, ServedGateway];
  readonly folder: string;
  /** The file of the checker. */
  readonly config: string;
  /** URL of its metrics. */
  readonly metrics: string;
  file(name: string): string;
  reloads(): number;
}

/** Two gateways, and a checker with commands that stand for those of nginx. */
async function startWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-upstream-check-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const ticketKey = Buffer.alloc(32, 1).toString('base64');
  const serve = async (id: number): Promise<ServedGateway> => {
    const gateway = await serveGateway({ id, ticketKey, udp: ['udp'] });
    onTestFinished(async () => {
      gateway.process.signal('SIGCONT');
      await gateway.stop();
    });
    return gateway;
  };
  const gateways = await Promise.all([serve(1), serve(2)] as const);
  const include = join(folder, 'include');
  const script = join(folder, 'nginx');
  writeFileSync(
    script,
    `#!/bin/sh
cd "${folder}"
if test "$1" = reload; then echo >> reloads; exit; fi
test -e broken && echo "[emerg] broken" >&2 && exit 1
grep -q "^server" include/pool-udp.inc
`,
  );
  chmodSync(script, 0o755);
  const rows = gateways.map(({ id, ports }) => {
    const address = (name: string): string => `"127.0.0.1:${String(ports[name])}"`;
    const addresses = `udp: ${address('udp')}, tcp: ${address('tcp')}, http: ${address('ws')}`;
    return `    - { name: gw-${String(id)}, gateway_id: ${String(id)}, ${addresses} }\n`;
  });
  const config = join(folder, 'front.yaml');
  writeFileSync(
    config,
    `
front:
  gateways:
${rows.join('')}  check:
    interval: 300ms
    timeout: 250ms
    reload_interval: 100ms
    include_directory: ${include}
    test_command: ["${script}"]
    reload_command: ["${script}", reload]
    metrics_addr: "127.0.0.1:0"
`,
  );
  mkdirSync(include);
  const checker = await startKcpgate(['upstream-check', '-c', config, '--json', '--log-level', 'debug']);
  onTestFinished(() => {
    checker.signal('SIGKILL');
  });
  const { address } = await checker.record('metrics');
  return {
    ...{ checker, gateways, folder, config, metrics: `http://${String(address)}` },
    file: (name) => readFileSync(join(include, name), 'utf8'),
    reloads: () => readFileSync(join(folder, 'reloads'), 'utf8').length,
  };
}

const POLL = { timeout: 15_000, interval: 20 };

async function textAt(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return response.text();
}

/** A PROBE_ACK with load 7 to a PROBE. @param off the nonce is wrong by so much. */
function answerTo(probe: Uint8Array, off = 0): Uint8Array {
  const answer = Buffer.alloc(64);
  answer.set(probe.subarray(0, 24));
  answer[4] = 88;
  answer.writeUInt16LE(7, 6);
  answer.writeUInt32LE((answer.readUInt32LE(16) + off) >>> 0, 16);
  answer.writeUInt32LE(40, 20);
  answer[24] = 1;
  answer[25] = 20;
  return answer;
}

async function listenTcp(onConnection: (socket: Socket) => void): Promise<SocketAddress> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return at((server.address() as AddressInfo).port);
}

/** One that nobody listens on, over TCP or UDP. */
async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}
