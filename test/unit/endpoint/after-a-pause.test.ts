import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { NO_LOG } from '../../../src/base/logger.ts';
import { createUdpCarrier } from '../../../src/carrier/node/udp.ts';
import { NODE_CLOCK } from '../../../src/endpoint/index.ts';
import { endpointOn } from '../../support/endpoint-on.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';
import { Command } from '../../../src/wire/command.ts';
import { RecordingSink } from '../session/session-pair.ts';

it('after a pause of the process what arrived meanwhile is read before anything counts as lost', async () => {
  const peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const kcp = resolveKcpConfig({ conv: 7 });
  const endpoint = endpointOn(
    await createUdpCarrier({ bind: { address: '127.0.0.1', family: 4, port: 0 } }),
    {
      clock: NODE_CLOCK,
      logger: NO_LOG,
    },
    {
      kcp,
      pool: new SegmentPool(),
      allowStock: false,
      session: { idleTimeoutMs: 60_000, keepAliveMs: 0, closeTimeoutMs: 100, lingerMs: 0 },
      admission: {
        maxSessions: 1,
        maxSessionsPerSource: 1,
        newSessionsPerSecond: 1,
        newSessionsPerSourcePerSecond: 1,
      },
    },
  );
  endpoint.start();
  const remote = { address: '127.0.0.1', family: 4, port: peer.address().port } as const;
  const session = endpoint.connect(remote, kcp, 'stock', (port) => new RecordingSink(port));
  session.send(Uint8Array.of(1), 0, 1);
  const arrived: [Buffer, unknown] = (await once(peer, 'message')) as [Buffer, unknown];

  const acknowledgement = Buffer.from(arrived[0].subarray(0, 24));
  acknowledgement[4] = Command.ack;
  acknowledgement.writeUInt32LE(1, 16);
  acknowledgement.writeUInt32LE(0, 20);
  peer.send(acknowledgement, endpoint.carrierOf(0).localAddress.port, '127.0.0.1');
  // More than none only where this process paused by itself before.
  const before = session.stats().timeoutRetransmits;
  const pausedUntil = performance.now() + 2 * session.stats().rtoMs;
  while (performance.now() < pausedUntil);
  await delay(20);

  expect(session.isFlushed).toBe(true);
  expect(session.stats().timeoutRetransmits).toBe(before);
  await endpoint.close();
  peer.close();
});
