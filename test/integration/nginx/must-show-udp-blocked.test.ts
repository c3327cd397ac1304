import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { bundleProgram, type BundledProgram } from '../../support/bundled-program.ts';
import { emulateLine, type EmulatedLine } from '../../support/emulated-lines.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import { printOutages, type OutageRow } from '../../support/outage-table.ts';
import { peer } from '../../support/peers.ts';
import { aWhile, finish, isMoveTo, outageMs, PARALLEL, RUNS, unixMs } from '../../support/talk-checks.ts';
import type { OrderedLine } from '../../support/talk-order.ts';
import { repeat, type Talk } from '../../support/talk-world.ts';
import { TalkingProcess } from '../../support/talking-process.ts';
import { TEST_CERTIFICATE } from '../../support/tls.ts';

/** What lies between a client and a port of nginx, each way. */
const DELAY_MS = 10;

peer('nginx').describe('a client whose way to nginx is blocked in mid-transfer', () => {
  let front: NginxFront;
  let bundle: BundledProgram;
  const rows: OutageRow[] = [];
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    [bundle, front] = await Promise.all([bundleProgram('talking-client.ts'), NginxFront.start()]);
    return async () => {
      await front.stop();
      bundle.remove();
      if (rows.length > 0) printOutages('Without data, through nginx', rows);
    };
  }, 60_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A client with relays of its own to the ports of nginx: `udp`, `tcp` and `wss`, which is the shared one. */
  async function startTalk(seed: number): Promise<Talk> {
    const { ports, gateways } = front;
    const weather = { delayMs: DELAY_MS };
    const lines: Record<string, EmulatedLine> = {
      udp: await emulateLine('udp', ports.udp, weather, seed),
      tcp: await emulateLine('tcp', ports.tcp, weather, seed),
      wss: await emulateLine('tcp', ports.shared, weather, seed),
    };
    const transports = ['udp', 'tcp', 'wss'] as const;
    const ordered = gateways.flatMap(({ id: gatewayId }) =>
      transports.map((transport): OrderedLine => {
        const id = `${transport}-${String(gatewayId)}`;
        return { id, gatewayId, transport, port: lines[transport]!.port };
      }),
    );
    const client = new TalkingProcess(bundle.file, {
      ...{ loginUrls: [front.loginUrl], lines: ordered, mode: 'stream', seed },
      ...{ bytesPerSecond: 200_000, gapMs: 60, options: { tls: { ca: TEST_CERTIFICATE } } },
    });
    const close = async (): Promise<void> => {
      client.kill();
      await client.exit;
      await Promise.all(Object.values(lines).map((line) => line.close()));
    };
    const all = (transport: 'udp' | 'tcp'): EmulatedLine[] =>
      Object.values(lines).filter((line) => line.transport === transport);
    const talk = { client, lines, all, close };
    closers.push(close);
    await client.event(({ event, line }) => event === 'open' && String(line).startsWith('udp'));
    return talk;
  }

  test.each([
    { blocked: ['udp'], to: 'tcp', title: 'UDP: over TCP' },
    { blocked: ['udp', 'tcp'], to: 'wss', title: 'UDP and the TCP port: over wss on the shared port' },
  ])('$title', { timeout: 60_000 + RUNS * 20_000 }, async ({ blocked, to, title }) => {
    const timesMs = await repeat(RUNS, PARALLEL, async (run) => {
      const talk = await startTalk(run + 1);
      await aWhile(run);
      const atMs = unixMs();
      for (const name of blocked) talk.lines[name]!.blackHole();
      const { to: line } = await talk.client.event(isMoveTo(atMs, 'tcp', 'wss'));
      expect(String(line), talk.client.said()).toMatch(new RegExp(`^${to}-`, 'u'));
      await delay(1_000);
      const took = outageMs(talk, atMs);
      expect(talk.client.all('reconnecting'), talk.client.said()).toEqual([]);
      await finish(talk);
      return took;
    });
    rows.push({ label: title, timesMs });
  });
});
