import { expect, it } from 'vitest';
import { BatchArena } from '../../../src/carrier/batch-arena.ts';
import { KcpEngine, resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';

it('nothing times out that may be acknowledged by what has not been read', () => {
  const engine = new KcpEngine(resolveKcpConfig({ conv: 1 }), new SegmentPool());
  const arena = new BatchArena();
  engine.send(Uint8Array.of(1), 0, 1);
  engine.pollTransmit(1000, arena);
  const timesOutAt = engine.nextDeadline();
  arena.reset();

  engine.pollTransmit(timesOutAt + 50, arena, timesOutAt - 1);
  expect([arena.count, engine.stats().timeoutRetransmits]).toEqual([0, 0]);
  expect(engine.nextDeadline()).toBe(timesOutAt + 50);

  engine.pollTransmit(timesOutAt + 60, arena, timesOutAt);
  expect([arena.count, engine.stats().timeoutRetransmits]).toEqual([1, 1]);
});
