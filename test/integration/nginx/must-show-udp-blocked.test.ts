import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { bundleProgram, type BundledProgram } from '../../support/bundled-program.ts';
import { emulateLine, type EmulatedLine } from '../../support/emulated-lines.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import { printOutages } from '../../support/outage-table.ts';
import { peer } from '../../support/peers.ts';
import {
  aWhile,
  finish,
  isMoveTo,
  outageMs,
  PARALLEL,
  RUNS,
  unixMs,
  untilOn,
} from '../../support/talk-checks.ts';
import type { OrderedLine } from '../../support/talk-order.ts';
import { repeat, type Talk } from '../../support/talk-world.ts';
import { TalkingProcess } from '../../support/talking-process.ts';
import { TEST_CERTIFICATE } from '../../support/tls.ts';

/** What lies between a client and a port of nginx, each way: sessions begin on UDP, and prefer TCP to wss. */
const DELAY_MS = { udp: 10, tcp: 20, wss: 40 };

peer('nginx').describe('a client whose way to nginx is blocked in mid-transfer', () => {
  let front: NginxFront;
  let bundle: BundledProgram;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    [bundle, front] = await Promise.all([bundleProgram('talking-client.ts'), NginxFront.start()]);
    return async () => {
      await front.stop();
      bundle.remove();
    };
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A client with relays of its own to the ports of nginx: `udp`, `tcp` and `wss`, which is the shared one. */
  async function startTalk(seed: number): Promise<Talk> {
    const { ports, gateways } = front;
    const lines: Record<string, EmulatedLine> = {
      udp: await emulateLine('udp', ports.udp, { delayMs: DELAY_MS.udp }, seed),
      tcp: await emulateLine('tcp', ports.tcp, { delayMs: DELAY_MS.tcp }, seed),
      wss: await emulateLine('tcp', ports.shared, { delayMs: DELAY_MS.wss }, seed),
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

  /** @returns how long no data flowed, in ms. */
  async function block(run: number, { blocked, to }: (typeof CASES)[number]): Promise<number> {
    const talk = await startTalk(run + 1);
    await aWhile(run);
    await untilOn(talk, 'udp');
    const atMs = unixMs();
    for (const name of blocked) talk.lines[name]!.blackHole();
    const { to: line } = await talk.client.event(isMoveTo(atMs, 'tcp', 'wss'));
    expect(String(line), talk.client.said()).toMatch(to);
    await delay(1_000);
    const took = outageMs(talk, atMs);
    expect(talk.client.all('reconnecting'), talk.client.said()).toEqual([]);
    await finish(talk);
    return took;
  }

  test('goes on over TCP, or over wss on the shared port', { timeout: 60_000 + RUNS * 40_000 }, async () => {
    // In turns, and together: each waits for most of its time.
    const runs = Array.from({ length: RUNS * CASES.length }, (_, run) => CASES[run % CASES.length]!);
    const times = await repeat(runs.length, CASES.length * PARALLEL, (run) => block(run, runs[run]!));
    const rows = CASES.map((one) => ({
      label: one.title,
      timesMs: times.filter((_, run) => runs[run] === one),
    }));
    printOutages('Without data, through nginx', rows);
  });
});

const CASES = [
  // On a busy machine wss may be the first that answers.
  { blocked: ['udp'], to: /^(?:tcp|wss)-/u, title: 'UDP blocked: over TCP' },
  {
    blocked: ['udp', 'tcp'],
    to: /^wss-/u,
    title: 'UDP and the TCP port blocked: over wss on the shared port',
  },
] as const;
