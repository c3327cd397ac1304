import { pipeline } from 'node:stream/promises';
import { afterEach, expect, test } from 'vitest';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { connectStock } from '../../src/client/node/index.ts';
import { NODE_CLOCK } from '../../src/endpoint/index.ts';
import { endpointOn } from '../support/endpoint-on.ts';
import { resolveKcpConfig, SegmentPool } from '../../src/kcp/index.ts';
import { EchoUpstream } from '../../src/upstream/index.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';
import { describeWithNative } from '../support/native.ts';
import { RecordingLogger } from '../support/recording-logger.ts';

const MIB = 1 << 20;
/** What is sent and comes back; KCPGATE_STREAM_MIB=100 for the long run. */
const STREAM_MIB = Number(process.env.KCPGATE_STREAM_MIB ?? 16);
const BYTES = STREAM_MIB * MIB;
const TIMEOUT_MS = 60_000 + STREAM_MIB * 1000;

describeWithNative('an echo server whose kernel refuses segmentation', (bindings, file) => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** @returns how the server's carrier did. */
  const carry = async (refuseSegmentation: boolean) => {
    const logger = new RecordingLogger();
    const native = { status: 'loaded', bindings, file } as const;
    const bind = { address: '127.0.0.1', family: 4, port: 0 } as const;
    const carrier = await createUdpCarrier({ bind, native, logger, refuseSegmentation });
    const echo = new EchoUpstream({ name: 'echo' });
    const endpoint = endpointOn(
      carrier,
      {
        clock: NODE_CLOCK,
        logger,
        acceptor: { accept: () => ({ stream: true, bind: (port) => echo.open(port) }) },
      },
      {
        kcp: resolveKcpConfig({ conv: 0 }),
        pool: new SegmentPool(),
        allowStock: true,
        session: { idleTimeoutMs: 30_000, keepAliveMs: 0, closeTimeoutMs: 1000, lingerMs: 0 },
        admission: {
          maxSessions: 10,
          maxSessionsPerSource: 10,
          newSessionsPerSecond: 10,
          newSessionsPerSourcePerSecond: 10,
        },
      },
    );
    endpoint.start();
    closers.push(() => endpoint.close());

    const { port } = carrier.localAddress;
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', stream: true });
    closers.push(() => connection.destroy());
    const cpuBefore = process.cpuUsage();
    const stream = connection.stream();
    const [received] = await Promise.all([digest(stream), pipeline(keystream(7, BYTES), stream)]);
    const { user, system } = process.cpuUsage(cpuBefore);
    const stats = carrier.stats();
    if (process.env.KCPGATE_STREAM_MIB !== undefined) {
      const cpuSeconds = (user + system) / 1e6;
      const segmentation = refuseSegmentation ? 'refused' : 'granted';
      console.log(`segmentation ${segmentation}: ${JSON.stringify({ ...received, cpuSeconds, ...stats })}`);
    }
    expect(received).toEqual({ bytes: BYTES, sha256: keystreamHash(7, BYTES) });
    const warnings = logger.records.filter(({ level }) => level === 'warn' || level === 'error');
    return { stats, warnings: warnings.map(({ message }) => message) };
  };

  test(`carries ${String(STREAM_MIB)} MiB, every byte, and warns once`, { timeout: TIMEOUT_MS }, async () => {
    const { stats, warnings } = await carry(true);
    expect(stats.segmentedSends).toBe(0);
    expect(warnings.filter((message) => message.includes('segment'))).toHaveLength(1);
  });

  test('carries the same in far fewer sends when it does not refuse', { timeout: TIMEOUT_MS }, async () => {
    const { stats, warnings } = await carry(false);
    expect(stats.segmentedSends).toBeGreaterThan(0);
    expect(warnings.filter((message) => message.includes('segment'))).toEqual([]);
  });
});
