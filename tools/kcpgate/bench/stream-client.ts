import { createHash, type Hash } from 'node:crypto';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { CloseCode } from '../../../src/base/close-code.ts';
import type { SessionPort, Sink } from '../../../src/base/sink.ts';
import { ClientEndpoints, type ClientCounters } from './client-endpoint.ts';
import type { LoadOptions } from './load-options.ts';
import { Pattern } from '../pattern.ts';
import { ownCpu, type CpuTime } from './process-usage.ts';

/** What streams to an echo server and back came to. */
export interface StreamResult {
  /** Everything came back. */
  readonly complete: boolean;
  /** What came back, warm-up included; the measures are of the rest. */
  readonly bytes: number;
  readonly warmUpBytes: number;
  readonly corruptBytes: number;
  readonly seconds: number;
  readonly mibPerSecond: number;
  /** Of this process, without the warm-up. */
  readonly cpu: CpuTime;
  /** Of the server, its whole life; undefined when it was not watched. */
  readonly server: CpuTime | undefined;
  /** Of what came back on the first stream; only when asked for. */
  readonly sha256?: string;
  readonly counters: ClientCounters;
  /** Why it is not complete. */
  readonly error?: string;
}

/**
 * Sends seeded streams to an echo server, takes the echo at the same time and compares every byte of it.
 * @param onWarm called when the warm-up is over and the measurement begins.
 * @param readServer called when the measurement ends.
 */
export async function runStreamClient(
  server: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
): Promise<StreamResult> {
  const { streams } = load;
  const clients = await ClientEndpoints.to(server, load);
  const openers = await Promise.all(Array.from({ length: streams }, () => clients.open()));
  const warmUpBytes = Math.round((load.warmUp * load.mib * MIB) / streams) * streams;
  const bytesOfStream = (warmUpBytes + Math.round((load.mib * MIB) / streams) * streams) / streams;
  const total = bytesOfStream * streams;
  const pattern = new Pattern(load.seed);
  let cpuBefore = process.cpuUsage();
  let startedAt = performance.now();
  const beginMeasuring = (): void => {
    onWarm();
    cpuBefore = process.cpuUsage();
    startedAt = performance.now();
  };
  let timer: NodeJS.Timeout | undefined;
  const sinks: StreamSink[] = [];
  const progress = await new Promise<StreamProgress>((resolve) => {
    const shared = new StreamProgress(warmUpBytes, total, beginMeasuring, () => resolve(shared));
    timer = setTimeout(resolve, load.timeoutMs, shared);
    for (const opener of openers) {
      opener.connect(true, (port) => {
        const hash = load.sha256 && sinks.length === 0 ? createHash('sha256') : undefined;
        const sink = new StreamSink(port, pattern, bytesOfStream, shared, hash);
        sinks.push(sink);
        sink.writable();
        return sink;
      });
    }
  });
  clearTimeout(timer);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = ownCpu(cpuBefore);
  const serverCpu = readServer();
  const counters = clients.counters();
  const bytes = progress.receivedBytes;
  const digest = sinks[0]?.hash?.digest('hex');
  const error = bytes < total ? (progress.failure ?? 'timeout') : undefined;
  await clients.close();
  return {
    complete: bytes === total,
    bytes,
    warmUpBytes,
    corruptBytes: sinks.reduce((sum, { corruptBytes }) => sum + corruptBytes, 0),
    seconds,
    mibPerSecond: (bytes - warmUpBytes) / MIB / seconds,
    cpu,
    server: serverCpu,
    counters,
    ...(digest !== undefined && { sha256: digest }),
    ...(error !== undefined && { error }),
  };
}

/** How far some streams have come together. */
export class StreamProgress {
  receivedBytes = 0;
  /** Why a stream ended early. */
  failure: string | undefined;
  private readonly total: number;
  private readonly onWarm: () => void;
  private readonly onDone: () => void;
  /** When this much has come back, the next thing happens: warm, then done. */
  private milestone: number;

  /** @param total bytes, the warm-up included. */
  constructor(warmUpBytes: number, total: number, onWarm: () => void, onDone: () => void) {
    this.total = total;
    this.milestone = warmUpBytes > 0 ? warmUpBytes : total;
    this.onWarm = onWarm;
    this.onDone = onDone;
  }

  add(length: number): void {
    this.receivedBytes += length;
    if (this.receivedBytes >= this.milestone) this.passMilestone();
  }

  fail(reason: string): void {
    this.failure ??= reason;
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

/** Sends the pattern as fast as it is taken and compares what comes back. */
export class StreamSink implements Sink {
  corruptBytes = 0;
  readonly hash: Hash | undefined;
  private readonly port: SessionPort;
  private readonly pattern: Pattern;
  private readonly total: number;
  private readonly progress: StreamProgress;
  private sentBytes = 0;
  private receivedBytes = 0;

  constructor(port: SessionPort, pattern: Pattern, total: number, progress: StreamProgress, hash?: Hash) {
    this.port = port;
    this.pattern = pattern;
    this.total = total;
    this.progress = progress;
    this.hash = hash;
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
    this.progress.add(length);
    return true;
  }

  flush(): void {
    // Nothing is gathered.
  }

  end(): void {
    this.progress.fail('the server ended the stream');
  }

  drain(): void {
    // Only a gateway drains.
  }

  close(code: CloseCode, reason: string): void {
    this.progress.fail(`closed with ${code}: ${reason}`);
  }
}

const MIB = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
