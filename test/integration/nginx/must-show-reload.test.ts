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
    [bundle, front] = await Promise.all([bundleCrowd(), NginxFront.start({ hasSpares: true })]);
    return async () => {
      await front.stop();
      bundle.remove();
    };
  }, 120_000);
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

  test(
    'loses a gateway that is drained: messages go on at another one, none lost',
    { timeout: 60_000 },
    async () => {
      const clients = SESSIONS / 5;
      const crowd = new NginxCrowd(bundle, {
        ...{ loginUrl: front.loginUrl, clients, startOverMs: 6 * clients, seed: 2 },
        ...{ mode: 'messages', pieceBytes: 300, everyMs: EVERY_MS },
      });
      closers.push(() => crowd.stop());
      await crowd.ready();
      const gateway = front.gateway(1);
      const own = (await crowd.members()).filter(({ gatewayId }) => gatewayId === gateway.id).length;
      await crowd.mark();
      // Nobody told nginx: a login that the gateway refuses is answered by the next.
      await gateway.drain('30s', '300ms');
      for (const deadline = performance.now() + 20_000; ; await delay(50)) {
        const left = (await crowd.members()).filter(({ told }) => (told.left ?? 0) > 0).length;
        if (left === own) break;
        if (performance.now() > deadline) throw new Error(`${String(left)} of ${String(own)} left`);
      }
      await delay(500);
      const members = await crowd.members();
      console.log(
        `${String(own)} were with the gateway that is drained, now ${countedBy(members, ({ gatewayId }) => gatewayId)}`,
      );
      printOutages(`Without data, when each sends every ${String(EVERY_MS)} ms`, [
        { label: 'through the drain', timesMs: members.map(({ gapMs }) => gapMs) },
      ]);
      expect(own).toBeGreaterThan(0);
      expect(members.filter(({ told }) => (told.reconnecting ?? 0) > 0)).toEqual([]);
      expect(await crowd.finish()).toMatchObject({ whole: clients, codes: { 1000: clients } });
      await gateway.undrain();
    },
  );
});

const gapsOn = (transport: string, members: readonly CrowdMember[]): number[] =>
  members.filter(({ line }) => line.startsWith(transport)).map(({ gapMs }) => gapMs);
