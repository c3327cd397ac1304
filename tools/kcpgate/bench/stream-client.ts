import { createHash, type Hash } from 'node:crypto';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { CloseCode } from '../../../src/base/close-code.ts';
import type { SessionPort, Sink } from '../../../src/base/sink.ts';
import { ClientEndpoints, type ClientCounters } from './client-endpoint.ts';
import type { LoadOptions } from './load-options.ts';
import { Pattern } from '../pattern.ts';
import { ownCpuSeconds } from './process-usage.ts';

/** What one stream to an echo server and back came to. */
export interface StreamResult {
  /** Everything came back. */
  readonly complete: boolean;
  /** What came back, warm-up included; the measures are of the rest. */
  readonly bytes: number;
  readonly warmUpBytes: number;
  readonly corruptBytes: number;
  readonly seconds: number;
  readonly mibPerSecond: number;
  readonly cpuSeconds: number;
  /** Of what came back; only when asked for. */
  readonly sha256?: string;
  readonly counters: ClientCounters;
  /** Why it is not complete. */
  readonly error?: string;
}

/**
 * Sends a seeded stream to an echo server, takes the echo at the same time and compares every byte of it.
 * @param onWarm called when the warm-up is over and the measurement begins.
 */
export async function runStreamClient(
  remote: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
): Promise<StreamResult> {
  const clients = new ClientEndpoints(remote, load);
  const endpoint = await clients.open();
  const warmUpBytes = Math.round(load.warmUp * load.mib * MIB);
  const total = warmUpBytes + Math.round(load.mib * MIB);
  const pattern = new Pattern(load.seed);
  let cpuBefore = process.cpuUsage();
  let startedAt = performance.now();
  const beginMeasuring = (): void => {
    onWarm();
    cpuBefore = process.cpuUsage();
    startedAt = performance.now();
  };
  let timer: NodeJS.Timeout | undefined;
  let sink: StreamSink | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, load.timeoutMs);
    endpoint.connect(remote, clients.kcp(true), 'stock', (port) => {
      sink = new StreamSink(
        port,
        pattern,
        { warmUpBytes, total, withHash: load.sha256 },
        beginMeasuring,
        resolve,
      );
      sink.writable();
      return sink;
    });
  });
  clearTimeout(timer);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpuSeconds = ownCpuSeconds(cpuBefore);
  const counters = clients.counters();
  const bytes = sink?.receivedBytes ?? 0;
  const digest = sink?.hash?.digest('hex');
  const error = bytes < total ? (sink?.closeReason ?? 'timeout') : undefined;
  await clients.close();
  return {
    complete: bytes === total,
    bytes,
    warmUpBytes,
    corruptBytes: sink?.corruptBytes ?? 0,
    seconds,
    mibPerSecond: (bytes - warmUpBytes) / MIB / seconds,
    cpuSeconds,
    counters,
    ...(digest !== undefined && { sha256: digest }),
    ...(error !== undefined && { error }),
  };
}

/** What a {@link StreamSink} sends and expects back, in bytes. */
interface StreamPlan {
  readonly warmUpBytes: number;
  /** Warm-up included. */
  readonly total: number;
  readonly withHash: boolean;
}

/** Sends the pattern as fast as it is taken and compares what comes back. */
export class StreamSink implements Sink {
  receivedBytes = 0;
  corruptBytes = 0;
  closeReason: string | undefined;
  readonly hash: Hash | undefined;
  private readonly port: SessionPort;
  private readonly pattern: Pattern;
  private readonly total: number;
  private readonly onWarm: () => void;
  private readonly onDone: () => void;
  /** When this much has come back, the next thing happens: warm, then done. */
  private milestone: number;
  private sentBytes = 0;

  constructor(port: SessionPort, pattern: Pattern, plan: StreamPlan, onWarm: () => void, onDone: () => void) {
    this.port = port;
    this.pattern = pattern;
    this.total = plan.total;
    this.milestone = plan.warmUpBytes > 0 ? plan.warmUpBytes : plan.total;
    this.onWarm = onWarm;
    this.onDone = onDone;
    this.hash = plan.withHash ? createHash('sha256') : undefined;
  }

  writable(): void {
    const { pattern, total } = this;
    while (this.sentBytes < total) {
      const run = Math.min(CHUNK_BYTES, pattern.runAt(this.sentBytes), total - this.sentBytes);
      const taken = this.port.send(pattern.bytes, pattern.offsetOf(this.sentBytes), run);
      if (taken <= 0) return;
      this.sentBytes += taken;
    }
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    this.corruptBytes += this.pattern.countDifferences(this.receivedBytes, bytes, offset, length);
    this.hash?.update(bytes.subarray(offset, offset + length));
    this.receivedBytes += length;
    if (this.receivedBytes >= this.milestone) this.passMilestone();
    return true;
  }

  flush(): void {
    // Nothing is gathered.
  }

  end(): void {
    this.onDone();
  }

  drain(): void {
    // Only a gateway drains.
  }

  close(code: CloseCode, reason: string): void {
    this.closeReason = `closed with ${code}: ${reason}`;
    this.onDone();
  }

  private passMilestone(): void {
    if (this.receivedBytes >= this.total) {
      this.onDone();
      return;
    }
    this.milestone = this.total;
    this.onWarm();
  }
}

const MIB = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
