import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { createClient } from '../../../../src/client/node/index.ts';
import { startEchoServer } from '../../echo-server.ts';
import type { Report } from '../bench-side.ts';
import { BENCH_TICKET_KEY } from '../login-key.ts';
import { summarizeLatency } from '../percentile.ts';

/** What one of the two programs of a run is to do. */
export type LatencySide =
  | { readonly role: 'gateway'; readonly address: string }
  | { readonly role: 'tcp-server'; readonly address: string }
  | ({
      readonly role: 'session';
      readonly loginUrl: string;
      /** Where the UDP line of the gateway is reached. */
      readonly hosts: readonly string[];
      readonly seal: 'aes-128-gcm' | 'clear';
      readonly redundant: boolean;
    } & PacedEchoes)
  | ({ readonly role: 'tcp-client'; readonly host: string; readonly port: number } & PacedEchoes);

/** Messages at a steady pace, whether or not answers came. */
export interface PacedEchoes {
  readonly warmUp: number;
  readonly count: number;
  readonly sizeBytes: number;
  readonly perSecond: number;
}

/** Runs one side; a server until the signal. Reports `listening`, or `warm` and `result`. */
export async function runLatencySide(side: LatencySide, report: Report, stop: AbortSignal): Promise<void> {
  switch (side.role) {
    case 'gateway':
      return runGateway(side.address, report, stop);
    case 'tcp-server':
      return runTcpServer(side.address, report, stop);
    case 'session':
      return runSession(side, report);
    case 'tcp-client':
      return runTcpClient(side, report);
  }
}

async function runGateway(address: string, report: Report, stop: AbortSignal): Promise<void> {
  const gateway = await startEchoServer(`${address}:0`, {
    ...{ preset: 'fast3', mtu: 1400, window: 1024 },
    login: { ticketKey: BENCH_TICKET_KEY, httpPort: 0, allowClear: true },
  });
  const { listeners } = await gateway.status();
  report({ event: 'listening', port: listeners.find(({ type }) => type === 'http')?.address.port });
  if (!stop.aborted) await once(stop, 'abort');
  await gateway.stop();
}

async function runTcpServer(address: string, report: Report, stop: AbortSignal): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined).pipe(socket);
  }).listen(0, address);
  await once(server, 'listening');
  report({ event: 'listening', port: (server.address() as AddressInfo).port });
  if (!stop.aborted) await once(stop, 'abort');
  server.close();
}

async function runSession(side: Extract<LatencySide, { role: 'session' }>, report: Report): Promise<void> {
  const client = createClient({
    loginUrl: side.loginUrl,
    allowHttp: true,
    seal: [side.seal],
    redundant: side.redundant,
    fetch: (url, init) => fetchLines(url, init, side.hosts),
  });
  const session = await client.connect();
  // With one line there is none to be waited for.
  while (side.redundant && session.stats().connection?.copies.line === null) await timer(10);
  const echoes = new Echoes(side, report, (message) => session.send(message) === message.length);
  const receiving = (async () => {
    for await (const message of session) if (echoes.take(message)) return;
  })();
  await echoes.send();
  await receiving;
  await client.close();
}

/** A login whose UDP line is there once for each host; other lines are left out. */
async function fetchLines(
  url: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  hosts: readonly string[],
): Promise<Response> {
  const response = await fetch(url, init);
  const answer = (await response.json()) as { lines?: readonly { transport: string; id: string }[] };
  const udp = answer.lines?.find(({ transport }) => transport === 'udp');
  const lines = hosts.map((host, index) => ({ ...udp, id: `line-${index}`, host }));
  return Response.json(udp === undefined ? answer : { ...answer, lines }, { status: response.status });
}

async function runTcpClient(
  side: Extract<LatencySide, { role: 'tcp-client' }>,
  report: Report,
): Promise<void> {
  const socket = connectTcp({ host: side.host, port: side.port, noDelay: true });
  await once(socket, 'connect');
  const echoes = new Echoes(side, report, (message) => {
    socket.write(message);
    return true;
  });
  const receiving = new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (; rest.length >= side.sizeBytes; rest = rest.subarray(side.sizeBytes)) {
        if (echoes.take(rest.subarray(0, side.sizeBytes))) resolve();
      }
    });
  });
  await echoes.send();
  await receiving;
  socket.destroy();
}

/** The pace, and how long each message took. */
class Echoes {
  private readonly order: PacedEchoes;
  private readonly report: Report;
  private readonly write: (message: Uint8Array) => boolean;
  private readonly latencyMs: Float64Array;
  private taken = 0;

  /** @param write gives a message to the transport, and says whether that took it. */
  constructor(order: PacedEchoes, report: Report, write: (message: Uint8Array) => boolean) {
    this.order = order;
    this.report = report;
    this.write = write;
    this.latencyMs = new Float64Array(order.count);
  }

  async send(): Promise<void> {
    const { warmUp, count, sizeBytes, perSecond } = this.order;
    const startedAt = performance.now();
    for (let number = 0; number < warmUp + count; number++) {
      const wait = startedAt + (number * 1000) / perSecond - performance.now();
      if (wait > 0) await timer(wait);
      const message = Buffer.alloc(sizeBytes);
      message.writeDoubleBE(performance.now());
      if (!this.write(message)) throw new Error('the queue is full');
    }
  }

  /** Takes one that came back. @returns whether it was the last one. */
  take(message: Uint8Array): boolean {
    const at = this.taken++ - this.order.warmUp;
    if (at === 0) this.report({ event: 'warm' });
    if (at >= 0) {
      const { buffer, byteOffset } = message;
      this.latencyMs[at] = performance.now() - new DataView(buffer, byteOffset).getFloat64(0);
    }
    if (at + 1 < this.order.count) return false;
    this.report({ event: 'result', complete: true, latencyMs: summarizeLatency(this.latencyMs) });
    return true;
  }
}

const timer = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
