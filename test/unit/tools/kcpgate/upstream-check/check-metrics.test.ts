import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CheckLog } from '../../../../../tools/kcpgate/upstream-check/check-log.ts';
import { CheckMetrics } from '../../../../../tools/kcpgate/upstream-check/check-metrics.ts';
import { observers } from '../../../../../tools/kcpgate/upstream-check/check-observer.ts';
import { discarded, failed } from '../../../../../tools/kcpgate/upstream-check/probe-outcome.ts';
import { RecordingLogger } from '../../../../support/recording-logger.ts';
import { expectExposition } from '../../../../support/exposition.ts';
import { gatewayOf, SimulatedFront } from './simulated-front.ts';

const PAGE = readFileSync(new URL('../../../../../docs/upstream-check.md', import.meta.url), 'utf8');

it('what is shown is what the document says, and nothing else', async () => {
  const front = new SimulatedFront(2);
  const metrics = new CheckMetrics(front.check);
  metrics.probed(
    gatewayOf(1),
    new Map([
      ['udp', failed('timeout')],
      ['tcp', discarded('late')],
    ]),
  );
  metrics.changed({ type: 'restarted', gateway: 'gw-1', epochSeconds: 1 });
  const text = await metrics.text();
  expectExposition(text);
  expect(text).toContain('kcpgate_upstream_check_gateway_restarts_total{gateway="gw-1"} 1');
  const shown = [...text.matchAll(/^# TYPE kcpgate_upstream_check_(\w+) (\w+)$/gm)].map(([, ...row]) => row);
  const documented = [...PAGE.matchAll(/^\| `(\w+)` +\| (gauge|counter|histogram) +\|/gm)].map(
    ([, ...row]) => row,
  );
  expect(documented.sort()).toEqual(shown.sort());
});

it('what is logged is what the document says', () => {
  const logger = new RecordingLogger();
  const clock = { ms: 0, now: () => clock.ms };
  const log = observers(new CheckLog(logger, clock));
  const state = { type: 'state', gateway: 'gw-1', kind: 'udp', from: 'up', reason: 'timeout' } as const;
  for (const to of ['up', 'draining', 'down'] as const) log.changed({ ...state, to });
  log.changed({ type: 'restarted', gateway: 'gw-1', epochSeconds: 0 });
  for (const isOn of [true, false]) log.changed({ type: 'panic', kind: 'udp', isOn });
  const applied = { detail: 'x', hasSucceeded: false, files: new Map(), needsReload: false, tookMs: 1 };
  log.applied({ ...applied, result: 'done', detail: '' });
  for (const result of ['test_failed', 'write_failed', 'reload_failed', 'done'] as const) {
    log.applied({ ...applied, result });
  }
  const late = new Map([['udp', discarded('late')] as const]);
  log.probed(gatewayOf(1), new Map([['udp', failed('refused')]]));
  // The same again is told only after a while.
  for (const ms of [0, 5000, 10_000]) {
    clock.ms = ms;
    log.probed(gatewayOf(1), late);
  }
  const messages = logger.records.map(({ message }) => message);
  expect(messages.filter((message) => message.startsWith('probes are discarded'))).toHaveLength(2);
  const documented = PAGE.slice(PAGE.indexOf('| `msg`'), PAGE.indexOf('## Metrics')).matchAll(
    /`([a-z][^`]* [^`]*)`/g,
  );
  expect([...new Set(messages)].sort()).toEqual([...documented].map(([, message]) => message!).sort());
});
