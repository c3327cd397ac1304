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
  readonly bytes: number;
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

/** Sends a seeded stream to an echo server, takes the echo at the same time and compares every byte of it. */
export async function runStreamClient(remote: SocketAddress, load: LoadOptions): Promise<StreamResult> {
  const clients = new ClientEndpoints(remote, load);
  const endpoint = await clients.open();
  const total = Math.round(load.mib * 1024 * 1024);
  const pattern = new Pattern(load.seed);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let sink: StreamSink | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, load.timeoutMs);
    endpoint.connect(remote, clients.kcp(true), 'stock', (port) => {
      sink = new StreamSink(port, pattern, total, load.sha256, resolve);
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
    corruptBytes: sink?.corruptBytes ?? 0,
    seconds,
    mibPerSecond: bytes / 1024 / 1024 / seconds,
    cpuSeconds,
    counters,
    ...(digest !== undefined && { sha256: digest }),
    ...(error !== undefined && { error }),
  };
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
  private readonly onDone: () => void;
  private sentBytes = 0;

  constructor(port: SessionPort, pattern: Pattern, total: number, withHash: boolean, onDone: () => void) {
    this.port = port;
    this.pattern = pattern;
    this.total = total;
    this.onDone = onDone;
    this.hash = withHash ? createHash('sha256') : undefined;
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
    if (this.receivedBytes >= this.total) this.onDone();
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
}

const CHUNK_BYTES = 64 * 1024;
