import { createHash, type Hash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { connectStock, type StockConnection } from '../../../src/client/node/index.ts';
import type { KcpStats } from '../../../src/kcp/index.ts';
import { startEchoServer } from '../echo-server.ts';
import { Pattern } from '../pattern.ts';
import type { LinkCounters, LinkProfile } from '../relay/net-emulator.ts';
import { startUdpRelay, type UdpRelay } from '../relay/udp-relay.ts';

/** What is sent, and what the network does to it. Rates are percent of the datagrams, each way. */
export interface DemoOptions {
  readonly sizeBytes: number;
  /** Shortest one-way delay. */
  readonly delayMs: number;
  /** Added to it at most. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly reorder: number;
  readonly duplicate: number;
  readonly seed: number;
  /** Send and receive window, in segments. */
  readonly window: number;
  readonly timeoutMs: number;
}

export interface DemoResult {
  readonly sizeBytes: number;
  readonly receivedBytes: number;
  readonly seconds: number;
  readonly sentSha256: string;
  readonly receivedSha256: string;
  /** Everything came back as it was sent. */
  readonly hashesEqual: boolean;
  /** The client's engine. */
  readonly kcp: KcpStats;
  /** What happened to the datagrams on the way to the gateway, and on the way back. */
  readonly toGateway: Readonly<LinkCounters>;
  readonly toClient: Readonly<LinkCounters>;
  /** Why it is not complete. */
  readonly error?: string;
}

/** A gateway with an echo upstream, a bad network, and a client that streams through it both ways at once. */
export async function runDemo(
  options: DemoOptions,
  onProgress: (share: number, text: string) => void,
): Promise<DemoResult> {
  const gateway = await startEchoServer('127.0.0.1:0', {
    preset: 'fast3',
    mtu: 1400,
    window: options.window,
  });
  let relay: UdpRelay | undefined;
  let connection: StockConnection | undefined;
  try {
    const port = (await gateway.status()).listeners[0]?.address.port ?? 0;
    const link = linkOf(options);
    relay = await startUdpRelay({
      target: { address: '127.0.0.1', port },
      seed: options.seed,
      toTarget: link,
      toClient: link,
    });
    connection = await connectStock({
      host: relay.address,
      port: relay.port,
      peer: 'kcpgate',
      stream: true,
      preset: 'fast3',
      sendWindow: options.window,
      receiveWindow: options.window,
    });
    return await transfer(options, connection, relay, onProgress);
  } finally {
    await connection?.destroy();
    await relay?.close();
    await gateway.stop();
  }
}

function linkOf({ delayMs, jitterMs, loss, reorder, duplicate }: DemoOptions): Partial<LinkProfile> {
  return {
    delayMs,
    jitterMs,
    lossRate: loss / 100,
    reorderRate: reorder / 100,
    reorderDelayMs: REORDER_DELAY_MS,
    duplicateRate: duplicate / 100,
  };
}

async function transfer(
  { sizeBytes, seed, timeoutMs }: DemoOptions,
  connection: StockConnection,
  relay: UdpRelay,
  onProgress: (share: number, text: string) => void,
): Promise<DemoResult> {
  const stream = connection.stream();
  const sentHash = createHash('sha256');
  const receivedHash = createHash('sha256');
  let receivedBytes = 0;
  stream.on('data', (chunk: Uint8Array) => {
    receivedHash.update(chunk);
    receivedBytes += chunk.length;
  });
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  const progress = setInterval(() => {
    onProgress(receivedBytes / sizeBytes, progressText(receivedBytes, seconds(), connection.stats(), relay));
  }, PROGRESS_MS);
  const timeout = setTimeout(() => {
    stream.destroy(new Error(`not finished within ${timeoutMs} ms`));
  }, timeoutMs);
  let error: string | undefined;
  try {
    await Promise.all([sendPattern(stream, new Pattern(seed), sizeBytes, sentHash), finished(stream)]);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  clearInterval(progress);
  clearTimeout(timeout);
  const sentSha256 = sentHash.digest('hex');
  const receivedSha256 = receivedHash.digest('hex');
  const { toTarget: toGateway, toClient } = relay.stats();
  return {
    sizeBytes,
    receivedBytes,
    seconds: seconds(),
    sentSha256,
    receivedSha256,
    hashesEqual: receivedBytes === sizeBytes && sentSha256 === receivedSha256,
    kcp: connection.stats(),
    toGateway,
    toClient,
    ...(error !== undefined && { error }),
  };
}

async function sendPattern(stream: Duplex, pattern: Pattern, sizeBytes: number, hash: Hash): Promise<void> {
  for (let sent = 0; sent < sizeBytes && !stream.destroyed;) {
    const at = pattern.offsetOf(sent);
    const length = Math.min(CHUNK_BYTES, pattern.runAt(sent), sizeBytes - sent);
    const chunk = pattern.bytes.subarray(at, at + length);
    hash.update(chunk);
    sent += length;
    if (!stream.write(chunk)) await writable(stream);
  }
  stream.end();
}

/** Resolves when the stream takes more, or is over. */
async function writable(stream: Duplex): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

function progressText(receivedBytes: number, seconds: number, kcp: KcpStats, relay: UdpRelay): string {
  const { toTarget, toClient } = relay.stats();
  const mib = receivedBytes / 1024 / 1024;
  const rate = seconds > 0 ? mib / seconds : 0;
  return (
    `${mib.toFixed(1)} MiB back, ${rate.toFixed(1)} MiB/s, rtt ${kcp.srttMs} ms, ` +
    `${kcp.fastRetransmits + kcp.timeoutRetransmits} sent again, ${toTarget.lost + toClient.lost} lost`
  );
}

const REORDER_DELAY_MS = 15;
const CHUNK_BYTES = 64 * 1024;
const PROGRESS_MS = 200;
