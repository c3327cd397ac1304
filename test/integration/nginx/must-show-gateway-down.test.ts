import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { BundledProgram } from '../../support/bundled-program.ts';
import type { RunningCommand } from '../../support/kcpgate-command.ts';
import { bundleCrowd, countedBy, NginxCrowd } from '../../support/nginx-crowd.ts';
import type { CrowdMember } from '../../support/nginx-crowd-order.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import { printOutages, type OutageRow } from '../../support/outage-table.ts';
import { peer } from '../../support/peers.ts';

/** Sessions with traffic; KCPGATE_NGINX_SESSIONS=500 for the long run. */
const SESSIONS = Number(process.env.KCPGATE_NGINX_SESSIONS ?? 60);
const EVERY_MS = 100;
const INTERVAL_MS = 500;

peer('nginx').describe(`${String(SESSIONS)} sessions behind nginx and upstream-check`, () => {
  let front: NginxFront;
  let checker: RunningCommand;
  let bundle: BundledProgram;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    [bundle, front] = await Promise.all([
      bundleCrowd(),
      NginxFront.start({
        check: { interval: `${String(INTERVAL_MS)}ms`, timeout: '250ms', reload_interval: '500ms' },
      }),
    ]);
    checker = await front.check();
    return async () => {
      await front.stop();
      bundle.remove();
    };
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function startCrowd(mode: 'messages' | 'stream', seed: number): Promise<NginxCrowd> {
    const crowd = new NginxCrowd(bundle, {
      ...{ loginUrl: front.loginUrl, clients: SESSIONS, startOverMs: 6 * SESSIONS, seed },
      ...{ mode, pieceBytes: 300, everyMs: EVERY_MS },
    });
    closers.push(() => crowd.stop());
    await crowd.ready();
    return crowd;
  }

  /** Waits until a gateway is so, for nginx, too. @returns when the checker said so of its UDP listener, in Unix ms. */
  async function untilNginxKnows(happens: () => unknown, message: string, gateway: string): Promise<number> {
    const workers = front.nginx.workers();
    const seen = checker.output.length;
    await happens();
    const record = await checker.recordBehind(seen, message, { gateway, kind: 'udp' });
    await front.nginx.reloaded(workers);
    return Date.parse(String(record.time));
  }

  /** Waits until each of these is answered by another gateway. */
  async function untilElsewhere(crowd: NginxCrowd, left: number): Promise<readonly CrowdMember[]> {
    for (const deadline = performance.now() + 30_000; ; await delay(50)) {
      const members = await crowd.members();
      const waiting = members.filter(({ gatewayId }) => gatewayId === left);
      if (waiting.length === 0) return members;
      if (performance.now() > deadline) throw new Error(`still there: ${JSON.stringify(waiting)}`);
    }
  }

  test(
    'a gateway hangs, another one is killed: their sessions go on elsewhere',
    { timeout: 120_000 },
    async () => {
      const rows: OutageRow[] = [];
      const crowd = await startCrowd('messages', 1);
      console.log(
        `sessions of each gateway: ${countedBy(await crowd.members(), ({ gatewayId }) => gatewayId)}`,
      );
      const touched = new Set<number>();
      for (const { signal, id } of [
        { signal: 'SIGSTOP', id: 2 },
        { signal: 'SIGKILL', id: 3 },
      ] as const) {
        const gateway = front.gateway(id);
        await crowd.mark();
        const before = await crowd.members();
        const victims = before.flatMap((member, index) => (member.gatewayId === id ? [index] : []));
        for (const index of victims) touched.add(index);
        const atMs = Date.now();
        const downMs = await untilNginxKnows(
          () => gateway.process.signal(signal),
          'a gateway is down',
          gateway.name,
        );
        await untilElsewhere(crowd, id);
        await delay(500);
        const after = await crowd.members();
        const others = after.filter((_, index) => !victims.includes(index));
        console.log(
          `${signal}: down after ${String(downMs - atMs)} ms, with checks every ${String(INTERVAL_MS)} ms; ` +
            `${String(victims.length)} sessions lost their gateway, now ${countedBy(after, ({ gatewayId }) => gatewayId)}; ` +
            `logins: ${String(loginsOf(after) - loginsOf(before))}`,
        );
        rows.push({ label: `${signal}: its sessions`, timesMs: victims.map((index) => after[index]!.gapMs) });
        rows.push({ label: `${signal}: others`, timesMs: others.map(({ gapMs }) => gapMs) });
        expect(victims.length).toBeGreaterThan(0);
        // Two checks that fail, and the one before them; checks that a busy machine was late for do not count.
        expect(downMs - atMs).toBeLessThan(20 * INTERVAL_MS);
        // Another gateway told them that theirs is gone, so they logged in anew, once.
        expect(loginsOf(after) - loginsOf(before)).toBe(victims.length);
        // Nobody else noticed: same gateway, same connection.
        for (const [index, member] of after.entries()) {
          if (victims.includes(index)) continue;
          expect(member).toMatchObject({ gatewayId: before[index]!.gatewayId });
          expect(member.told.reconnecting).toBe(before[index]!.told.reconnecting);
        }
        await untilNginxKnows(
          async () => {
            if (signal === 'SIGSTOP') gateway.process.signal('SIGCONT');
            else await gateway.start();
          },
          'a gateway is up',
          gateway.name,
        );
      }
      // That they are back moves nobody.
      await delay(500);
      const told = await crowd.members();
      for (const [index, member] of told.entries())
        if (!touched.has(index)) expect(member.told.reconnecting).toBeUndefined();
      printOutages(`Without data, when each sends every ${String(EVERY_MS)} ms`, rows);
      const result = await crowd.finish();
      expect(result.codes).toEqual({ 1000: SESSIONS });
      expect(result.whole).toBeGreaterThanOrEqual(SESSIONS - touched.size);
    },
  );

  test(
    'a gateway is drained: streams stay with it to their end, new sessions go elsewhere',
    { timeout: 60_000 },
    async () => {
      const crowd = await startCrowd('stream', 2);
      const gateway = front.gateway(1);
      const before = await crowd.members();
      const own = before.filter(({ gatewayId }) => gatewayId === 1).length;
      expect(own).toBeGreaterThan(0);
      await crowd.mark();
      await untilNginxKnows(
        () => gateway.drain('1m', '200ms'),
        'a gateway gets no new sessions',
        gateway.name,
      );
      const later = await startCrowd('messages', 3);
      const fresh = await later.members();
      console.log(
        `drained with ${String(own)} streams; new sessions of each gateway: ${countedBy(fresh, ({ gatewayId }) => gatewayId)}`,
      );
      expect(fresh.filter(({ gatewayId }) => gatewayId === 1)).toEqual([]);
      const after = await crowd.members();
      expect(after.map(({ gatewayId }) => gatewayId)).toEqual(before.map(({ gatewayId }) => gatewayId));
      printOutages(`Without data, when each sends every ${String(EVERY_MS)} ms`, [
        { label: 'through the drain', timesMs: after.map(({ gapMs }) => gapMs) },
      ]);
      for (const ended of [await crowd.finish(), await later.finish()]) {
        expect(ended).toMatchObject({ whole: SESSIONS, codes: { 1000: SESSIONS } });
        expect(ended.receivedBytes).toBe(ended.sentBytes);
      }
      await gateway.undrain();
    },
  );
});

const loginsOf = (members: readonly CrowdMember[]): number =>
  members.reduce((sum, { logins }) => sum + logins, 0);
