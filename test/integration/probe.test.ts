import { afterEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/base/errors.ts';
import {
  findFastestLine,
  login,
  type Line,
  type LineEvidence,
  type LineReport,
} from '../../src/client/node/index.ts';
import type { LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { runKcpgate, startKcpgate } from '../support/kcpgate-command.ts';
import { startLoginGateway, type LoginGateway } from '../support/login-gateway.ts';
import { lineOf } from '../unit/client/lines/lines.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gateway(): Promise<LoginGateway> {
  const running = await startLoginGateway();
  closers.push(() => running.gateway.stop());
  return running;
}

/** A UDP port of this host that leads to the gateway through a network. */
async function through({ ports }: LoginGateway, link: Partial<LinkProfile>): Promise<number> {
  const target = { address: '127.0.0.1', port: ports.udp };
  const relay = await startUdpRelay({ target, seed: 3, toTarget: link, toClient: link });
  closers.push(() => relay.close());
  return relay.port;
}

const lineTo = (id: string, port: number, more: Partial<Line> = {}): Line =>
  lineOf(id, { host: '127.0.0.1', port, ...more });

const evidenceOf = ({ lines }: LineReport, id: string): LineEvidence =>
  lines.find(({ line }) => line.id === id)!;

describe('findFastestLine', () => {
  test('finds the best of lines over UDP, TCP and WebSocket', async () => {
    const running = await gateway();
    const { ports } = running;
    const lines = [
      lineTo('far', await through(running, { delayMs: 90 })),
      lineTo('near', await through(running, { delayMs: 10 })),
      lineTo('narrow', await through(running, { delayMs: 1, mtuBytes: 1000 })),
      lineTo('black-hole', await through(running, { lossRate: 1 })),
      lineTo('tcp', ports.tcp, { transport: 'tcp', priority: 1 }),
      lineTo('ws', ports.ws, { transport: 'ws', path: '/kcp', priority: 1 }),
      lineTo('closed', 1, { transport: 'tcp' }),
    ];
    const report = await findFastestLine({ lines });
    expect(report.best?.id, JSON.stringify(report)).toBe('near');
    // After 4 s it is over, as soon as this process runs.
    expect(report.tookMs).toBeLessThanOrEqual(8_000);
    const near = evidenceOf(report, 'near');
    expect(near.medianRttMs).toBeGreaterThanOrEqual(20);
    expect(near).toMatchObject({ fullSize: true, draining: false, fault: null });
    expect(near.seenAs?.address).toBe('127.0.0.1');
    expect(evidenceOf(report, 'narrow').fullSize).not.toBe(true);
    expect(evidenceOf(report, 'black-hole').answered).toBe(0);
    expect(report.lines.map(({ line }) => line.id).sort()).toEqual(lines.map(({ id }) => id).sort());
  });

  test('asks over connections, too', async () => {
    const { ports } = await gateway();
    for (const line of [
      lineTo('tcp', ports.tcp, { transport: 'tcp' }),
      lineTo('ws', ports.ws, { transport: 'ws', path: '/kcp' }),
    ]) {
      const { best, lines } = await findFastestLine({ lines: [line] });
      expect(best).toEqual(line);
      // Of datagrams it is 0; more than 10 where the round trip takes long.
      expect(lines[0]!.score!.parts.carrierMs).toBeGreaterThanOrEqual(10);
    }
  });

  test('leaves a draining gateway for last', async () => {
    const [draining, other] = [await gateway(), await gateway()];
    draining.gateway.drain({ deadlineMs: 60_000, jitterMs: 1_000, lines: [] });
    const lines = [
      lineTo('draining', draining.ports.udp),
      lineTo('other', await through(other, { delayMs: 30 })),
    ];
    const report = await findFastestLine({ lines });
    expect(report.best?.id).toBe('other');
    expect(evidenceOf(report, 'draining').draining).toBe(true);
  });

  test('takes what a login gives', async () => {
    const { loginUrl } = await gateway();
    const { lines, probe } = await login({ loginUrl });
    const report = await findFastestLine({ lines, probe });
    expect(report.best).not.toBeNull();
    expect(report.lines).toHaveLength(3);
  });

  test('can be given up', async () => {
    const running = await gateway();
    const lines = [lineTo('dead', await through(running, { lossRate: 1 }))];
    const failed = findFastestLine({ lines, signal: AbortSignal.timeout(100) });
    await expect(failed).rejects.toThrow(GatewayError);
  });
});

describe('kcpgate probe', () => {
  test('prints a table with the choice and why, for lines and for a login', { timeout: 60_000 }, async () => {
    const running = await gateway();
    const near = `udp://127.0.0.1:${String(await through(running, { delayMs: 10 }))}`;
    const far = `udp://127.0.0.1:${String(await through(running, { delayMs: 100 }))}`;
    const dead = `udp://127.0.0.1:${String(await through(running, { lossRate: 1 }))}`;
    const narrow = `udp://127.0.0.1:${String(await through(running, { mtuBytes: 1000 }))}`;
    const result = await runKcpgate(['probe', far, near, dead, narrow]);
    expect(result.code, result.errorOutput).toBe(0);
    const { output } = result;
    expect(output).toMatch(/^ {2}LINE +BY +ADDRESS +ANSWERS +RTT +JITTER +SCORE +BOUNDS +LOAD +REMARKS\n/);
    expect(output.split('\n')[1]).toMatch(
      new RegExp(`^\\* ${near} +udp +127\\.0\\.0\\.1:\\d+ +\\d/\\d +\\d+\\.\\d`),
    );
    expect(output).toMatch(new RegExp(`^ {2}${dead} .* no answer$`, 'm'));
    expect(output).toMatch(new RegExp(`^ {2}${narrow} .* 1200 bytes do not pass$`, 'm'));
    expect(output).toMatch(new RegExp(`^${near}: .*score [\\d.]+ ms \\(\\d+ ms of probing\\)$`, 'm'));
    expect(output).toMatch(/^this host is seen as 127\.0\.0\.1:\d+$/m);

    const json = await runKcpgate(['probe', '--login', running.loginUrl, '--json']);
    const report = JSON.parse(json.output) as LineReport;
    expect(json.code).toBe(0);
    expect(report.best?.id).toBe(report.lines[0]?.line.id);
    expect(report.lines.map(({ line }) => line.id).sort()).toEqual(['tcp', 'udp', 'ws']);
  });

  test('goes on with --watch until it is stopped', { timeout: 60_000 }, async () => {
    const { ports } = await gateway();
    const line = `udp://127.0.0.1:${String(ports.udp)}`;
    const command = await startKcpgate(['probe', line, '--watch', '--json', '--every', '1s']);
    closers.push(() => command.stop());
    let times = 0;
    await command.line((text) => (JSON.parse(text) as LineReport).best !== null && ++times === 2);
    expect(await command.stop()).toEqual({ code: 0, signal: null });
  });

  test('says by its exit code whether a line answered', { timeout: 60_000 }, async () => {
    const running = await gateway();
    const dead = `udp://127.0.0.1:${String(await through(running, { lossRate: 1 }))}`;
    const silent = await runKcpgate(['probe', dead, '--timeout', '300ms']);
    expect(silent).toMatchObject({ code: 1, errorOutput: '' });
    expect(silent.output).toContain('no line answered');
    const noLogin = await runKcpgate(['probe', '--login', 'http://127.0.0.1:1/api/login']);
    expect(noLogin.code).toBe(1);
    expect(noLogin.errorOutput).toMatch(/^kcpgate: cannot reach/);
  });

  test('refuses what cannot be meant', { timeout: 60_000 }, async () => {
    const nothing = await runKcpgate(['probe']);
    expect(nothing).toMatchObject({ code: 2, errorOutput: 'kcpgate: lines or --login are required\n' });
    const noLine = await runKcpgate(['probe', 'http://127.0.0.1:2']);
    expect(noLine.code).toBe(2);
    expect(noLine.errorOutput).toContain('write udp://host:port');
  });
});
