import { describe, expect, test } from 'vitest';
import { GoldenReplay } from './golden-replay.ts';
import { goldenTraces, stateOf, type GoldenEndpoint, type GoldenTrace } from './golden-trace.ts';

/** Nothing is retransmitted in these, so every byte on the wire must be the same. */
const LOSSLESS = ['in-order', 'stream', 'congestion-window'];

const traces = goldenTraces();

describe('replaying traces of kcp-go', () => {
  test('finds all of them', () => {
    expect(traces.map((trace) => trace.scenario)).toHaveLength(14);
  });

  describe.each(traces)('$scenario: $description', (trace) => {
    test.each(trace.endpoints)('in the place of $name', (endpoint) => {
      const replay = new GoldenReplay(trace, endpoint);
      replay.run();
      expect(replay.engine.isAllAcknowledged).toBe(true);
      expect(replay.firstTransmissions).toBe(segmentsSent(trace, endpoint));
      replay.engine.dispose();
      expect(replay.pool.usedSlots).toBe(0);
      if (LOSSLESS.includes(trace.scenario)) {
        const recorded = endpoint.steps.reduce((sum, step) => sum + (step.out?.length ?? 0), 0);
        expect(replay.identicalDatagrams, 'datagrams equal byte for byte').toBe(recorded);
        expect(replay.differentDatagrams).toBe(0);
      }
    });
  });
});

/** How many segments the recorded object sent, retransmissions not counted. */
function segmentsSent(trace: GoldenTrace, endpoint: GoldenEndpoint): number {
  const last = endpoint.steps.findLast((step) => step.state !== undefined)?.state ?? [];
  return (stateOf(trace, last).sendNext - endpoint.sendSequence) >>> 0;
}
