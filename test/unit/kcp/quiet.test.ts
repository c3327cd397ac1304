import { expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { BatchArena } from '../../../src/carrier/batch-arena.ts';
import { KcpEngine, resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';

it('an engine whose data was acknowledged wants no timer any more', () => {
  const pool = new SegmentPool();
  const [left, right] = [1, 1].map((conv) => new KcpEngine(resolveKcpConfig({ conv }), pool)) as [
    KcpEngine,
    KcpEngine,
  ];
  const arena = new BatchArena();
  const move = (from: KcpEngine, to: KcpEngine): void => {
    from.pollTransmit(1000, arena);
    for (let i = 0; i < arena.count; i++) {
      const [offset, length] = [arena.descriptors[i * 3]!, arena.descriptors[i * 3 + 1]!];
      to.handleDatagram(1001, arena.bytes, arena.view, offset, length);
    }
    arena.reset();
  };
  left.send(Uint8Array.of(1), 0, 1);
  move(left, right);
  expect(left.nextDeadline()).toBeGreaterThan(1000);
  move(right, left);
  expect(left.isAllAcknowledged).toBe(true);
  expect(left.nextDeadline()).toBe(NEVER);
});
