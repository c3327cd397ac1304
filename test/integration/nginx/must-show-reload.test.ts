import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { BundledProgram } from '../../support/bundled-program.ts';
import { bundleCrowd, countedBy, NginxCrowd } from '../../support/nginx-crowd.ts';
import type { CrowdMember } from '../../support/nginx-crowd-order.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import { printOutages, type OutageRow } from '../../support/outage-table.ts';
import { peer } from '../../support/peers.ts';

/** Sessions with traffic; KCPGATE_NGINX_SESSIONS=1000 for the long run. */
const SESSIONS = Number(process.env.KCPGATE_NGINX_SESSIONS ?? 200);
const EVERY_MS = 100;
const WINDOW_MS = 1_500;

peer('nginx').describe(`nginx under ${String(SESSIONS)} sessions with traffic`, () => {
  let front: NginxFront;
  let bundle: BundledProgram;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    [bundle, front] = await Promise.all([bundleCrowd(), NginxFront.start()]);
    return async () => {
      await front.stop();
      bundle.remove();
    };
  }, 60_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  test('is reloaded, and one of its workers is killed: no byte is lost', { timeout: 120_000 }, async () => {
    const crowd = new NginxCrowd(bundle, {
      ...{ loginUrl: front.loginUrl, clients: SESSIONS, startOverMs: 6 * SESSIONS, seed: 1 },
      ...{ mode: 'stream', pieceBytes: 300, everyMs: EVERY_MS },
      lines: [null, null, null, null, null, null, null, null, 'tcp', 'ws'],
    });
    closers.push(() => crowd.stop());
    await crowd.ready();
    console.log(
      `sessions of each gateway: ${countedBy(await crowd.members(), ({ gatewayId }) => gatewayId)}`,
    );
    const rows: OutageRow[] = [];
    const show = async (label: string, happens: () => Promise<void>): Promise<void> => {
      await crowd.mark();
      await happens();
      await delay(WINDOW_MS);
      const members = await crowd.members();
      for (const transport of ['udp', 'tcp', 'ws'])
        rows.push({ label: `${label}: ${transport}`, timesMs: gapsOn(transport, members) });
    };
    await show('nothing', () => Promise.resolve());
    await show('worker killed', () => front.nginx.killWorker());
    const lost = (await crowd.members()).filter(({ told }) => (told.pathlost ?? 0) > 0).length;
    console.log(`${String(lost)} connections were with the worker that was killed`);
    // After it connections stay with the worker that had them.
    await show('reload', () => front.nginx.reload());
    printOutages(
      `The longest time without data of each session, which sends every ${String(EVERY_MS)} ms`,
      rows,
    );
    const result = await crowd.finish();
    expect(result).toMatchObject({ whole: SESSIONS, codes: { 1000: SESSIONS } });
    expect(result.receivedBytes).toBe(result.sentBytes);
    expect(result.sentBytes).toBeGreaterThan(SESSIONS * 300);
  });
});

const gapsOn = (transport: string, members: readonly CrowdMember[]): number[] =>
  members.filter(({ line }) => line.startsWith(transport)).map(({ gapMs }) => gapMs);
