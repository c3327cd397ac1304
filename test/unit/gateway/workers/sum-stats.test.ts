import { expect, it } from 'vitest';
import { MemoryHub } from '../../../../src/carrier/memory.ts';
import { DropCounters } from '../../../../src/endpoint/drop-reason.ts';
import type { EndpointStats } from '../../../../src/endpoint/index.ts';
import type { ServingStatus } from '../../../../src/gateway/gateway-status.ts';
import { nothingCounted, sumServing } from '../../../../src/gateway/workers/sum-stats.ts';
import type { UpstreamStats } from '../../../../src/upstream/index.ts';

function serving(sessions: number, closedSessions: Record<string, number>): ServingStatus {
  const stats: EndpointStats = {
    openSessions: sessions,
    lingeringSessions: 0,
    openedSessions: 0,
    closedSessions,
    drops: new DropCounters().snapshot(),
    probesAnswered: 0,
    resetsSent: 0,
    sinkFailures: 0,
    poolUsedBytes: 0,
    poolHeldBytes: 0,
    carrier: { ...new MemoryHub().join().stats(), sentBytes: 10 * sessions },
  };
  return {
    listeners: [
      {
        name: 'line',
        type: 'kcp-udp',
        address: { address: '127.0.0.1', family: 4, port: 4000 },
        upstream: 'demo',
        stats,
      },
    ],
    upstreams: { demo: { sessions } as UpstreamStats },
    sessions: null,
    draining: false,
  };
}

it('adds up numbers at every depth, also of keys that only some have', () => {
  const sum = sumServing([serving(1, { drain: 1 }), serving(2, { kicked: 5 }), serving(4, { drain: 2 })]);
  expect(sum.listeners).toMatchObject([
    {
      name: 'line',
      address: { port: 4000 },
      stats: { openSessions: 7, closedSessions: { drain: 3, kicked: 5 }, carrier: { sentBytes: 70 } },
    },
  ]);
  expect(sum.upstreams).toEqual({ demo: { sessions: 7 } });
});

it('changes nothing that it adds up', () => {
  const one = serving(1, { drain: 1 });
  sumServing([one, serving(2, { drain: 1 })]);
  expect(one).toEqual(serving(1, { drain: 1 }));
});

it('knows the lines of those that know most: one may not have said anything since there are more', () => {
  const late: ServingStatus = { ...serving(1, {}), listeners: [] };
  const sum = sumServing([late, { ...serving(2, {}), draining: true }]);
  expect(sum).toMatchObject({
    listeners: [{ name: 'line', stats: { openSessions: 2 } }],
    upstreams: { demo: { sessions: 3 } },
    draining: true,
  });
  expect(sumServing([])).toEqual({ listeners: [], upstreams: {}, sessions: null, draining: false });
});

it('begins again at zero', () => {
  expect(nothingCounted(serving(3, { drain: 2 }))).toEqual(serving(0, { drain: 0 }));
});
