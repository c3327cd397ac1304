import { expect, it } from 'vitest';
import { KcpEngine, resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';

function push(conv: number, sn: number): Uint8Array {
  const bytes = new Uint8Array(24 + 100);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, conv, true);
  bytes[4] = 81;
  view.setUint16(6, 128, true);
  view.setUint32(12, sn, true);
  view.setUint32(20, 100, true);
  return bytes;
}

it('gaps of one conversation cannot stop the ordered data of another', () => {
  const pool = new SegmentPool({ maxBytes: 64 * 1536 });
  const [greedy, modest] = [1, 2].map(
    (conv) => new KcpEngine(resolveKcpConfig({ conv, receiveWindow: 128 }), pool),
  );
  const give = (engine: KcpEngine | undefined, bytes: Uint8Array): void => {
    engine?.handleDatagram(10, bytes, new DataView(bytes.buffer), 0, bytes.length);
  };
  for (let sn = 1; sn <= 100; sn++) give(greedy, push(1, sn));
  let received = 0;
  for (let sn = 0; sn < 100; sn++) {
    give(modest, push(2, sn));
    modest?.receive({ write: () => ++received > 0 });
  }
  expect(received).toBe(100);
  expect(modest?.send(new Uint8Array(10), 0, 10)).toBe(10);
  expect(greedy?.stats().memoryDrops).toBeGreaterThan(0);
});
