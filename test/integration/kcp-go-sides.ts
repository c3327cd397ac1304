import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { NO_LOG } from '../../src/base/logger.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { connectStock, type StockConnection, type StockOptions } from '../../src/client/node/index.ts';
import type { EndpointStats } from '../../src/endpoint/index.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import type { ListenerStatus } from '../../src/gateway/gateway-status.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import type { KcpStats } from '../../src/kcp/index.ts';
import type { Target } from '../support/kcp-go.ts';

/** A gateway of ours that echoes. */
export interface OurEchoServer extends Target {
  stats(): Promise<EndpointStats>;
  close(): Promise<void>;
}

/** What one stream to an echo server and back came to. */
export interface StreamOutcome {
  readonly bytes: number;
  /** Of what was sent and of what came back, hexadecimal. */
  readonly sentSha256: string;
  readonly receivedSha256: string;
  readonly seconds: number;
  readonly kcp: KcpStats;
}

/**
 * Starts a gateway that sends back whatever a session brings: as messages through its echo upstream, or as a byte stream
 * through its tcp upstream and a TCP echo server behind it.
 */
export async function startOurEchoServer(mode: 'message' | 'stream'): Promise<OurEchoServer> {
  const backEnd = mode === 'stream' ? await startTcpEcho() : undefined;
  const upstream =
    backEnd === undefined
      ? '{ type: echo }'
      : `{ type: tcp, servers: [ { address: "127.0.0.1:${String(backEnd.port)}" } ] }`;
  const loaded = loadConfig({
    text: `
      common: { drain_timeout: 1s, admin_addr: null }
      listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0", max_sessions_per_source: 100,
                     new_sessions_per_source_per_second: 100 } ]
      upstreams: { back: ${upstream} }
      routes: [ { name: all, match: {}, target: back } ]`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger: NO_LOG });
  const listener = async (): Promise<ListenerStatus> => {
    const [first] = (await gateway.status()).listeners;
    if (first === undefined) throw new Error('the gateway has no listener');
    return first;
  };
  const { address, port } = (await listener()).address;
  return {
    address,
    port,
    stats: async () => (await listener()).stats,
    async close() {
      await gateway.stop();
      await backEnd?.close();
    },
  };
}

/**
 * Sends `bytes` seeded bytes to an echo server through a client of ours and takes back the echo: as messages, or with
 * `stream` through its Duplex.
 */
export async function streamThroughUs(
  target: Target,
  load: StreamLoad,
  options: Omit<StockOptions, 'host' | 'port'> = {},
): Promise<StreamOutcome> {
  const connection = await connectStock({ host: target.address, port: target.port, ...options });
  const timer = setTimeout(() => void connection.destroy(), load.timeoutMs ?? 45_000);
  const transfer = new Transfer(load);
  const startedAt = performance.now();
  try {
    if (options.stream === true) await transfer.throughStream(connection);
    else await transfer.throughMessages(connection);
    return {
      bytes: transfer.receivedBytes,
      sentSha256: transfer.sent.digest('hex'),
      receivedSha256: transfer.received.digest('hex'),
      seconds: (performance.now() - startedAt) / 1000,
      kcp: connection.stats(),
    };
  } finally {
    clearTimeout(timer);
    await connection.destroy();
  }
}

/** What to send and how long the whole may take, default 45 s; then the outcome is what had come back. */
interface StreamLoad {
  readonly bytes: number;
  readonly seed: number;
  readonly timeoutMs?: number;
}

/** As a message it must fit one segment: an echo server of kcp-go cuts larger ones its own way. */
const MESSAGE_BYTES = 1024;
const CHUNK_BYTES = 64 * 1024;

/** One seeded stream on its way there and back. */
class Transfer {
  readonly sent = createHash('sha256');
  readonly received = createHash('sha256');
  receivedBytes = 0;
  readonly #load: StreamLoad;

  constructor(load: StreamLoad) {
    this.#load = load;
  }

  async throughStream(connection: StockConnection): Promise<void> {
    const stream = connection.stream();
    const source = Readable.from(this.#pieces(CHUNK_BYTES));
    source.pipe(stream, { end: false });
    // Its end comes too early only when the time is over.
    for await (const chunk of stream) if (this.#take(chunk as Uint8Array)) break;
    source.destroy();
  }

  async throughMessages(connection: StockConnection): Promise<void> {
    const sending = this.#sendMessages(connection);
    for await (const message of connection) if (this.#take(message)) break;
    // What could not be sent any more shows in what came back.
    await sending.catch(() => undefined);
  }

  async #sendMessages(connection: StockConnection): Promise<void> {
    for (const message of this.#pieces(MESSAGE_BYTES)) {
      while (connection.send(message) === 0) await connection.writable();
    }
  }

  *#pieces(size: number): Generator<Uint8Array> {
    const block = randomBlock(this.#load.seed);
    for (let at = 0; at < this.#load.bytes;) {
      const from = at % block.length;
      const piece = block.subarray(from, from + Math.min(size, block.length - from, this.#load.bytes - at));
      this.sent.update(piece);
      at += piece.length;
      yield piece;
    }
  }

  /** Whether that was the last of it. */
  #take(bytes: Uint8Array): boolean {
    this.received.update(bytes);
    this.receivedBytes += bytes.length;
    return this.receivedBytes >= this.#load.bytes;
  }
}

/** Repeated to make the stream. Its odd length keeps a repetition from looking like the right bytes. */
function randomBlock(seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  const words = Uint32Array.from({ length: 300_007 }, () => random.nextUint32());
  return new Uint8Array(words.buffer);
}

/** A TCP server that sends back what it gets, with back-pressure. */
async function startTcpEcho(): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
