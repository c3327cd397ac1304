import { expect, it } from 'vitest';
import { createDgramSocket } from '../../../../src/carrier/node/dgram-socket.ts';
import { LOOPBACK_V4, untilTrue } from '../../../contract/loopback.ts';

it('a batch tells that more was waiting than one turn of the event loop reads', async () => {
  const [left, right] = [
    await createDgramSocket({ bind: LOOPBACK_V4 }),
    await createDgramSocket({ bind: LOOPBACK_V4 }),
  ];
  const batches: { count: number; moreWaiting: boolean }[] = [];
  const received = (): number => batches.reduce((sum, { count }) => sum + count, 0);
  right.start(({ count, moreWaiting }) => batches.push({ count, moreWaiting }));
  const slot = left.intern(right.localAddress);
  const descriptors = Int32Array.from({ length: DATAGRAMS * 3 }, (_, i) => [0, 4, slot][i % 3]!);
  left.sendBatch(new Uint8Array(4), descriptors, DATAGRAMS);
  await untilTrue(() => received() === DATAGRAMS);
  expect(batches.length).toBeGreaterThan(1);
  expect(batches.map(({ moreWaiting }) => moreWaiting)).toEqual(
    batches.map((_, index) => index < batches.length - 1),
  );
  await Promise.all([left.close(), right.close()]);
});

/** Not a multiple of what libuv reads at a time. */
const DATAGRAMS = 100;
