import { parentPort, workerData } from 'node:worker_threads';
import type { SocketAddress } from '../../../../src/base/address.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import { Endpoint, NODE_CLOCK } from '../../../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../../../src/kcp/index.ts';
import { EchoUpstream } from '../../../../src/upstream/index.ts';
import type { LoadOptions } from '../load-options.ts';
import { RingCarrier, type RingPair } from './ring-carrier.ts';

/** What a pool thread is started with. */
export interface PoolThreadData {
  readonly rings: RingPair;
  readonly localAddress: SocketAddress;
  readonly load: LoadOptions;
}

/** The messages between a pool thread and the I/O loop: there is something in the ring; end. */
export type PoolMessage = 'wake' | 'stop';

/** The program begins here, so what it needs stands above it. */
const UNLIMITED = 1_000_000;

const { rings, localAddress, load } = workerData as PoolThreadData;
const port = parentPort;
if (port === null) throw new Error('this is the program of a pool thread');

const carrier = new RingCarrier(rings, localAddress, () => port.postMessage('wake' satisfies PoolMessage));
const endpoint = openEndpoint();
endpoint.start();
port.on('message', (message: PoolMessage) => {
  if (message === 'wake') {
    carrier.wake();
    return;
  }
  void endpoint.close();
  port.close();
});

/** As a listener of a gateway makes it. */
function openEndpoint(): Endpoint {
  const { preset, mtu, window } = load;
  const echo = new EchoUpstream({ name: 'echo' });
  const made = new Endpoint({
    clock: NODE_CLOCK,
    logger: NO_LOG,
    acceptor: { accept: () => ({ stream: false, bind: (session) => echo.open(session) }) },
  });
  made.attach(carrier, {
    name: 'pool',
    kcp: resolveKcpConfig({ conv: 0, preset, mtu, sendWindow: window, receiveWindow: window }),
    session: { idleTimeoutMs: 3_600_000, keepAliveMs: 0, closeTimeoutMs: 5000, lingerMs: 10_000 },
    allowStock: true,
    admission: {
      maxSessions: UNLIMITED,
      maxSessionsPerSource: UNLIMITED,
      newSessionsPerSecond: UNLIMITED,
      newSessionsPerSourcePerSecond: UNLIMITED,
    },
    pool: new SegmentPool({ slotBytes: Math.max(1536, mtu) }),
  });
  return made;
}
