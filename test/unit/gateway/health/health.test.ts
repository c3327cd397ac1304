import { describe, expect, it } from 'vitest';
import {
  livenessReport,
  readinessReport,
  statusOfHealth,
  type HealthReport,
} from '../../../../src/gateway/health/health-report.ts';
import { startLoginGateway } from '../../../support/login-gateway.ts';
import { describeWithNative } from '../../../support/native.ts';
import { jsonOf, startAdminWorld } from '../admin/admin-world.ts';
import { expectDocumented } from '../admin/documented.ts';

const WORKERS = { expected: 2, running: 2 };

describe('a readiness report', () => {
  it('is up when sessions are taken and every worker runs', () => {
    const report = readinessReport({ accepting: 'ready', workers: WORKERS }, 0);
    expect(report).toEqual({
      status: 'up',
      timestamp: '1970-01-01T00:00:00.000Z',
      checks: { accepting: { status: 'up', reason: null }, workers: { status: 'up', reason: null } },
    });
    expect(statusOfHealth(report)).toBe(200);
    expect(livenessReport(0).status).toBe('up');
  });

  it.each(['not_ready', 'draining', 'stopping'] as const)('is down and says so: %s', (accepting) => {
    const report = readinessReport({ accepting, workers: WORKERS }, 0);
    expect(report).toMatchObject({ status: 'down', checks: { accepting: { reason: accepting } } });
    expect(statusOfHealth(report)).toBe(503);
  });

  it('is down while a worker is missing', () => {
    const report = readinessReport({ accepting: 'ready', workers: { expected: 2, running: 1 } }, 0);
    expect(report).toMatchObject({ status: 'down', checks: { workers: { reason: 'worker_missing' } } });
  });
});

describe('the public HTTP listener', () => {
  it('tells anybody whether sessions are taken, behind a PROXY header or not, and nothing else', async () => {
    const { gateway, ports } = await startLoginGateway({
      listeners: 'proxy_protocol: proxy, trusted_proxies: ["127.0.0.1/32"]',
      udpListener: ' ',
    });
    try {
      const url = (what: string): string => `http://127.0.0.1:${String(ports.ws)}/api/health/${what}`;
      const ready = await fetch(url('ready'));
      expect([ready.status, ready.headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(await ready.json()).toMatchObject({ status: 'up', checks: { accepting: { status: 'up' } } });
      expect((await fetch(url('live'), { method: 'HEAD' })).status).toBe(200);
      expect((await fetch(url('ready'), { method: 'POST', body: 'x' })).status).toBe(405);
      expect((await fetch(url('startup'))).status).toBe(404);
      gateway.drain({ deadlineMs: 1000, jitterMs: 0, lines: [] });
      const drained = await fetch(`${url('ready')}?why`);
      expect(drained.status).toBe(503);
      expect(await drained.json()).toMatchObject({
        status: 'down',
        checks: { accepting: { reason: 'draining' } },
      });
      expect((await fetch(url('live'))).status).toBe(200);
      gateway.undrain();
      expect((await fetch(url('ready'))).status).toBe(200);
    } finally {
      await gateway.stop();
    }
  });
});

describeWithNative('a gateway with several workers', () => {
  it('is not ready while one of them hangs', { timeout: 120_000 }, async () => {
    let isDeaf = false;
    const { gateway, ports } = await startLoginGateway({
      workers: 2,
      wrapThread: (thread) => ({
        on: thread.on.bind(thread),
        postMessage: (command, transfer) => {
          if (!isDeaf) thread.postMessage(command, transfer);
        },
        terminate: () => thread.terminate(),
      }),
    });
    const reason = async (): Promise<unknown> => {
      const response = await fetch(`http://127.0.0.1:${String(ports.ws)}/api/health/ready`);
      const { checks } = (await response.json()) as HealthReport;
      return [response.status, checks.workers!.reason];
    };
    try {
      expect(await reason()).toEqual([200, null]);
      isDeaf = true;
      await expect.poll(reason, { timeout: 10_000 }).toEqual([503, 'worker_missing']);
    } finally {
      isDeaf = false;
      await gateway.stop();
    }
  });
});

describe('the admin server', () => {
  it('tells it to those without token, too', async () => {
    const { get, target } = await startAdminWorld({ token: 'the-right-token-0123456789' });
    const ready = await get('/api/health/ready', { host: 'gateway.example' });
    expect(ready.status).toBe(200);
    expectDocumented('/api/health/ready', 'get', ready);
    target.drain({ deadlineMs: 1, jitterMs: 0, lines: [] });
    const drained = await get('/api/health/ready');
    expect(drained.status).toBe(503);
    expectDocumented('/api/health/ready', 'get', drained);
    expect(jsonOf(drained)).toMatchObject({ checks: { accepting: { reason: 'draining' } } });
    const live = await get('/api/health/live');
    expect(live.status).toBe(200);
    expectDocumented('/api/health/live', 'get', live);
    expect((await get('/api/status')).status).toBe(401);
  });
});
