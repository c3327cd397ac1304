import { createHash } from 'node:crypto';
import type { SocketAddress } from '../../src/base/address.ts';
import { CloseCode } from '../../src/base/close-code.ts';
import { NO_LOG } from '../../src/base/logger.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { SessionPort, Sink } from '../../src/base/sink.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { Endpoint, NODE_CLOCK, type EndpointConfig, type EndpointStats } from '../../src/endpoint/index.ts';
import { SegmentPool, resolveKcpConfig, type KcpOptions, type KcpStats } from '../../src/kcp/index.ts';
import type { Target } from '../support/kcp-go.ts';

/** How our side of a test is set up. */
export type OurOptions = Omit<KcpOptions, 'conv'>;

/** An echo server of ours for stock peers. */
export interface OurEchoServer extends Target {
  stats(): EndpointStats;
  /** The engine's numbers of the one open session. */
  kcpStats(): KcpStats | undefined;
  close(): Promise<void>;
}

/** What one stream to an echo server and back came to. */
export interface StreamOutcome {
  readonly bytes: number;
  /** Of what was sent and of what came back, hexadecimal. */
  readonly sentSha256: string;
  readonly receivedSha256: string;
  readonly seconds: number;
  /** Why the session ended before everything was back. */
  readonly closeReason: string | undefined;
  readonly kcp: KcpStats | undefined;
  /** Segments of payload memory still held after the close. */
  readonly leakedSegments: number;
}

/** Starts an endpoint that sends back whatever a session brings. */
export async function startOurEchoServer(options: OurOptions = {}): Promise<OurEchoServer> {
  const { endpoint } = await openEndpoint(options, {
    accept: () => ({ stream: options.stream ?? false, bind: (port: SessionPort) => new EchoSink(port) }),
  });
  const { address, port } = endpoint.carrier.localAddress;
  return {
    address,
    port,
    stats: () => endpoint.stats(),
    kcpStats: () => [...endpoint.sessions()][0]?.kcp,
    close: () => endpoint.close(),
  };
}

/** Sends `bytes` seeded bytes to an echo server through an endpoint of ours and takes back the echo. */
export async function streamThroughUs(
  target: Target,
  stream: { bytes: number; seed: number; timeoutMs?: number },
  options: OurOptions = {},
): Promise<StreamOutcome> {
  const { endpoint, pool } = await openEndpoint(options);
  const remote: SocketAddress = { address: target.address, family: 4, port: target.port };
  const kcp = resolveKcpConfig({ ...options, conv: 1 + new SeededRandom(stream.seed).nextInt(0xffffffff) });
  const startedAt = performance.now();
  let sink: StreamSink | undefined;
  const finished = new Promise<void>((resolve) => {
    endpoint.connect(remote, kcp, 'stock', (port) => {
      sink = new StreamSink(port, stream.bytes, stream.seed, resolve);
      sink.writable();
      return sink;
    });
  });
  const timer = setTimeout(() => void endpoint.close(), stream.timeoutMs ?? 45_000);
  await finished;
  clearTimeout(timer);
  const seconds = (performance.now() - startedAt) / 1000;
  const stats = [...endpoint.sessions()][0]?.kcp;
  const closeReason = sink?.closeReason;
  await endpoint.close();
  return {
    bytes: sink?.receivedBytes ?? 0,
    sentSha256: sink?.sentHash.digest('hex') ?? '',
    receivedSha256: sink?.receivedHash.digest('hex') ?? '',
    seconds,
    closeReason,
    kcp: stats,
    leakedSegments: pool.usedSlots,
  };
}

async function openEndpoint(
  options: OurOptions,
  acceptor?: ConstructorParameters<typeof Endpoint>[0]['acceptor'],
): Promise<{ endpoint: Endpoint; pool: SegmentPool }> {
  const carrier = await createUdpCarrier({ bind: { address: '127.0.0.1', family: 4, port: 0 } });
  const pool = new SegmentPool({ maxBytes: 64 << 20 });
  const config: EndpointConfig = {
    kcp: resolveKcpConfig({ ...options, conv: 0 }),
    session: { idleTimeoutMs: 30_000, keepAliveMs: 0, closeTimeoutMs: 2000, lingerMs: 100 },
    allowStock: true,
    admission: {
      maxSessions: 100,
      maxSessionsPerSource: 100,
      newSessionsPerSecond: 100,
      newSessionsPerSourcePerSecond: 100,
    },
    pool,
  };
  const endpoint = new Endpoint(
    { carrier, clock: NODE_CLOCK, logger: NO_LOG, ...(acceptor === undefined ? {} : { acceptor }) },
    config,
  );
  endpoint.start();
  return { endpoint, pool };
}

/** Sends everything back; what the session does not take at once is kept, and nothing more is read meanwhile. */
class EchoSink implements Sink {
  readonly #port: SessionPort;
  /** Messages not taken yet, oldest first. */
  readonly #waiting: Uint8Array[] = [];

  constructor(port: SessionPort) {
    this.#port = port;
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    const taken = this.#waiting.length > 0 ? 0 : this.#port.send(bytes, offset, length);
    if (taken === length) return true;
    if (taken >= 0) this.#waiting.push(bytes.slice(offset + taken, offset + length));
    return false;
  }

  writable(): void {
    for (let piece = this.#waiting[0]; piece !== undefined; piece = this.#waiting[0]) {
      const taken = this.#port.send(piece, 0, piece.length);
      if (taken < 0) return;
      if (taken < piece.length) {
        this.#waiting[0] = piece.subarray(taken);
        return;
      }
      this.#waiting.shift();
    }
    this.#port.resume();
  }

  flush(): void {
    // Nothing is gathered.
  }

  end(): void {
    this.#port.end();
  }

  close(): void {
    this.#waiting.length = 0;
  }
}

/** Bytes of one send. In message mode it must fit one segment: an echo server of kcp-go cuts larger ones its own way. */
const PIECE_BYTES = 1024;

/** Sends a seeded stream as fast as it is taken and hashes both directions. */
class StreamSink implements Sink {
  readonly sentHash = createHash('sha256');
  readonly receivedHash = createHash('sha256');
  receivedBytes = 0;
  closeReason: string | undefined;
  readonly #port: SessionPort;
  readonly #total: number;
  readonly #block: Uint8Array;
  readonly #onDone: () => void;
  #sentBytes = 0;

  constructor(port: SessionPort, total: number, seed: number, onDone: () => void) {
    this.#port = port;
    this.#total = total;
    this.#block = randomBlock(seed);
    this.#onDone = onDone;
  }

  writable(): void {
    const block = this.#block;
    while (this.#sentBytes < this.#total) {
      const at = this.#sentBytes % block.length;
      const length = Math.min(PIECE_BYTES, block.length - at, this.#total - this.#sentBytes);
      const taken = this.#port.send(block, at, length);
      if (taken <= 0) return;
      this.sentHash.update(block.subarray(at, at + taken));
      this.#sentBytes += taken;
    }
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    this.receivedHash.update(bytes.subarray(offset, offset + length));
    this.receivedBytes += length;
    if (this.receivedBytes >= this.#total) this.#onDone();
    return true;
  }

  flush(): void {
    // Nothing is gathered.
  }

  end(): void {
    this.#onDone();
  }

  close(code: CloseCode, reason: string): void {
    this.closeReason = `${String(code)} ${reason}`;
    this.#onDone();
  }
}

/** Repeated to make the stream. Its odd length keeps a repetition from looking like the right bytes. */
function randomBlock(seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  const words = Uint32Array.from({ length: 300_007 }, () => random.nextUint32());
  return new Uint8Array(words.buffer);
}
