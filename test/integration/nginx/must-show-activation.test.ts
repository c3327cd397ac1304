import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { BundledProgram } from '../../support/bundled-program.ts';
import { kcpgateWords, RunningCommand } from '../../support/kcpgate-command.ts';
import { bundleCrowd, countedBy, NginxCrowd } from '../../support/nginx-crowd.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import type { CrowdMember } from '../../support/nginx-crowd-order.ts';
import type { GatewayBehindNginx } from '../../support/nginx-gateway.ts';
import { printOutages, type OutageRow } from '../../support/outage-table.ts';
import { describeWithNative } from '../../support/native.ts';
import { PYTHON } from '../../support/peer-detection.ts';
import { peer } from '../../support/peers.ts';

const SERVICE_MANAGER = fileURLToPath(new URL('../../peers/python/service_manager.py', import.meta.url));
const CLIENTS = 30;
const EVERY_MS = 100;
/** As gateways have it when nothing is configured. */
const IDLE_TIMEOUT_MS = 30_000;

// The UDP socket is taken by the addon.
describeWithNative('held sockets', () => {
  peer('nginx', 'python').describe('a gateway behind nginx whose sockets a service manager holds', () => {
    let front: NginxFront;
    let manager: RunningCommand;
    let bundle: BundledProgram;
    const closers: (() => unknown)[] = [];
    beforeAll(async () => {
      bundle = await bundleCrowd();
      // The second gateway is there so that the first one has somebody to be mistaken for.
      front = await NginxFront.start({ gateways: 2, started: (id) => id === 2 });
      manager = serveByManager(front.gateway(1));
      await front.gateway(1).adopt(manager);
      return async () => {
        await manager.stop();
        await front.stop();
        bundle.remove();
      };
    }, 120_000);
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });

    /** The process of the gateway now, which the manager started. */
    const pids = (): number[] =>
      manager.output
        .split('\n')
        .filter((line) => line.startsWith('{"event": "started"'))
        .map((line) => (JSON.parse(line) as { readonly pid: number }).pid);

    test.each(['SIGKILL', 'SIGTERM'] as const)(
      'is ended by %s and started again: nginx notices nothing, clients are back',
      { timeout: 60_000 },
      async (signal) => {
        const rows: OutageRow[] = [];
        const crowd = new NginxCrowd(bundle, {
          ...{ loginUrl: front.loginUrl, clients: 2 * CLIENTS, startOverMs: 600, seed: 5 },
          ...{ mode: 'messages', pieceBytes: 200, everyMs: EVERY_MS, lines: ['udp', 'tcp', 'ws'] },
        });
        closers.push(() => crowd.stop());
        await crowd.ready();
        await crowd.mark();
        const before = await crowd.members();
        const own = before.flatMap(({ gatewayId }, index) => (gatewayId === 1 ? [index] : []));
        const errors = front.nginx.errors();
        const workers = front.nginx.workers();
        const [pid] = pids().slice(-1);
        process.kill(pid!, signal);
        await untilBack(crowd, before, own);
        await delay(500);
        const after = await crowd.members();
        for (const transport of ['udp', 'tcp', 'ws']) {
          const timesMs = own
            .filter((index) => before[index]!.line.startsWith(transport))
            .map((index) => after[index]!.gapMs);
          rows.push({ label: `${signal}: ${transport}`, timesMs });
        }
        printOutages('Without data, from the gateway that was started again', rows);
        console.log(
          `they were with ${countedBy(before, ({ gatewayId }) => gatewayId)}, are with ${countedBy(after, ({ gatewayId }) => gatewayId)}`,
        );
        expect(own.length).toBeGreaterThan(0);
        // Nobody was refused: whoever belonged there went back there, by the sockets that were open all the time.
        for (const index of own) expect(after[index]!.gatewayId).toBe(1);
        expect(pids().at(-1)).not.toBe(pid);
        expect(
          front.nginx
            .errors()
            .slice(errors.length)
            .split('\n')
            .filter((line) => !isEndOfConnection(line)),
        ).toEqual(['']);
        expect(front.nginx.workers()).toEqual(workers);
        const result = await crowd.finish();
        expect(result.codes).toEqual({ 1000: 2 * CLIENTS });
        expect(result.whole).toBeGreaterThanOrEqual(2 * CLIENTS - own.length);
      },
    );

    test(
      'without held sockets nginx loses UDP sessions for good; a new local port is what helps',
      { timeout: 90_000 },
      async () => {
        // Whoever gets a port that a client had before would be led to the gateway of that one.
        await front.nginx.reload();
        const crowd = new NginxCrowd(bundle, {
          ...{ loginUrl: front.loginUrl, clients: CLIENTS, startOverMs: 300, seed: 6 },
          ...{ mode: 'messages', pieceBytes: 200, everyMs: EVERY_MS, told: 'udp' },
        });
        closers.push(() => crowd.stop());
        await crowd.ready();
        const gateway = front.gateway(2);
        const before = await crowd.members();
        const own = before.flatMap(({ gatewayId }, index) => (gatewayId === gateway.id ? [index] : []));
        await crowd.mark();
        gateway.process.signal('SIGKILL');
        await gateway.process.exit;
        await gateway.start();
        await untilBack(crowd, before, own);
        const after = await crowd.members();
        const timesMs = own.map((index) => after[index]!.gapMs);
        printOutages('Without data, when UDP is all there is', [{ label: 'killed and started', timesMs }]);
        // Nobody waited until the session was idle for too long.
        expect(Math.max(...timesMs)).toBeLessThan(IDLE_TIMEOUT_MS);
        await crowd.finish();
      },
    );
  });
});

/** Waits until each of these has another connection than before. */
async function untilBack(
  crowd: NginxCrowd,
  before: readonly CrowdMember[],
  indexes: readonly number[],
): Promise<void> {
  for (const deadline = performance.now() + 40_000; ; await delay(50)) {
    const members = await crowd.members();
    const waiting = indexes.filter(
      (index) => (members[index]!.told.reconnected ?? 0) === (before[index]!.told.reconnected ?? 0),
    );
    if (waiting.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(`not back: ${JSON.stringify(waiting.map((index) => members[index]))}`);
  }
}

/** Starts a gateway with its three sockets, and again whenever it ends. */
function serveByManager({ ports, serveArguments }: GatewayBehindNginx): RunningCommand {
  const sockets = [
    { name: 'udp', kind: 'udp', port: ports.udp },
    { name: 'tcp', kind: 'tcp', port: ports.tcp },
    { name: 'http', kind: 'tcp', port: ports.http },
  ];
  const words = [SERVICE_MANAGER, JSON.stringify(sockets), ...kcpgateWords(), ...serveArguments];
  return new RunningCommand(
    spawn(PYTHON, words, { stdio: ['ignore', 'pipe', 'pipe'] }),
    'the service manager',
  );
}

/** What nginx says of a connection whose other end was reset: that much it has to notice. */
const isEndOfConnection = (line: string): boolean => line.includes('Connection reset by peer');
