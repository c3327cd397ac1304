import {
  META_LENGTH,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from '../../../src/carrier/carrier.ts';
import { createUdpCarrier } from '../../../src/carrier/node/udp.ts';
import { isLoadOrder, type LoadOrder } from './load-message.ts';

// A process of the self-test of its own: it sends datagrams to a relay and counts what comes out of it. It says where they are to
// come out, is told where they are to go in, and ends when its parent does.

const LOOPBACK = { address: '127.0.0.1', family: 4, port: 0 } as const;
/** Datagrams sent at a time. */
const BURST = 64;
/** What did not come by then is taken for lost. */
const FORGIVE_MS = 100;

const sink = await createUdpCarrier({ bind: LOOPBACK, bufferBytes: 16 << 20 });
let received = 0;
let onReceived: () => void = () => undefined;
sink.start((batch) => {
  for (let i = 0; i < batch.count; i++) received += datagramsAt(batch, i);
  onReceived();
});
process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  if (isLoadOrder(message)) void load(message);
});
process.send?.({ kind: 'listening', port: sink.localAddress.port });

/** Keeps as many datagrams on their way as it was told, for a while. */
async function load({ port, bytes, window, ms }: LoadOrder): Promise<void> {
  const remote = { ...LOOPBACK, port };
  // One system call for each datagram's worth of work: what is sent in one piece would be relayed in one.
  const source = await createUdpCarrier({ bind: LOOPBACK, remote, segmentation: false });
  source.start(() => undefined);
  const slot = source.intern(remote);
  const before = received;
  const endsAt = performance.now() + ms;
  let sent = 0;
  let forgiven = 0;
  let isWaiting = false;
  let seen = received;
  const pump = (): void => {
    isWaiting = false;
    if (performance.now() >= endsAt) return;
    for (let i = 0; i < BURST && sent - forgiven - (received - before) < window; i++) {
      if (source.arena.reserve(bytes) < 0) break;
      source.arena.target = slot;
      source.arena.commit(bytes);
      sent++;
    }
    source.flush();
    wait();
  };
  const wait = (): void => {
    if (isWaiting || sent - forgiven - (received - before) >= window) return;
    isWaiting = true;
    setImmediate(pump);
  };
  onReceived = wait;
  const forgiving = setInterval(() => {
    if (received === seen) forgiven = sent - (received - before);
    seen = received;
    wait();
  }, FORGIVE_MS);
  pump();
  await new Promise((resolve) => setTimeout(resolve, ms));
  clearInterval(forgiving);
  process.send?.({ kind: 'done', sent, received: received - before });
  await source.close();
}

function datagramsAt(batch: ReceiveBatch, index: number): number {
  const at = index * META_STRIDE;
  const segment = batch.meta[at + META_SEGMENT_SIZE] ?? 0;
  return segment === 0 ? 1 : Math.ceil((batch.meta[at + META_LENGTH] ?? 0) / segment);
}
