import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connect, login, type Connection, type LoginAnswer } from '../../src/client/node/index.ts';
import { startUdpRelay, type UdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { keystream, keystreamHash } from '../support/keystream.ts';
import { startLoginGateway } from '../support/login-gateway.ts';

const MIB = 1 << 20;
/** What the session carries in each direction; KCPGATE_MOVES_MIB=256 for the long run. */
const TOTAL = Number(process.env.KCPGATE_MOVES_MIB ?? 12) * MIB;
/** How often it goes to another line, evenly over the bytes. */
const MOVES = Number(process.env.KCPGATE_MOVES ?? 8);
const PART = TOTAL / (MOVES + 2);
const SEED = 7;
const LOSS = { lossRate: 0.05, delayMs: 5 };
/** The lines it goes to, over and over: from UDP to another port of its own, to TCP, to WebSocket, and back. */
const ROUND = ['udp', 'tcp', 'ws', 'udp'] as const;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The answer of a login whose UDP lines lead through a bad network. */
function throughRelay(answer: LoginAnswer, relay: UdpRelay): LoginAnswer {
  const lines = answer.lines.map((line) =>
    line.transport === 'udp' ? { ...line, host: relay.address, port: relay.port } : line,
  );
  return { ...answer, lines };
}

/** Sends the stream and takes what comes back; every arrival with its time. */
class TwoWay {
  readonly received = createHash('sha256');
  receivedBytes = 0;
  /** Up to where it may send: so that the transfer is not over before the last move. */
  allowed = 1.5 * PART;
  readonly arrivals: number[] = [];
  private readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  async run(): Promise<void> {
    const stream = this.connection.stream();
    const reading = (async () => {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        this.received.update(chunk);
        this.receivedBytes += chunk.length;
        this.arrivals.push(performance.now());
      }
    })();
    Readable.from(this.gated(), { objectMode: false }).pipe(stream);
    await reading;
  }

  /** What is to be sent, as far as it may go now. */
  private async *gated(): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const chunk of keystream(SEED, TOTAL) as AsyncIterable<Uint8Array>) {
      while (sent + chunk.length > this.allowed && this.allowed < TOTAL) await delay(1);
      yield chunk;
      sent += chunk.length;
    }
  }

  /** The longest time without an arrival from a move on, until the next one and for two seconds at most. */
  gapAfter(movedAt: number, nextAt: number): number {
    const until = Math.min(nextAt, movedAt + 2_000);
    let longest = 0;
    for (let i = 1; i < this.arrivals.length; i++) {
      const [from = 0, to = 0] = [this.arrivals[i - 1], this.arrivals[i]];
      if (to > movedAt && from < until) longest = Math.max(longest, to - from);
    }
    return longest;
  }
}

test(
  'one session carries a two-way transfer from line to line, at 5 % loss, and every byte arrives once',
  { timeout: 60_000 + TOTAL / 500 },
  async () => {
    const { gateway, loginUrl, ports } = await startLoginGateway();
    closers.push(() => gateway.stop());
    const relay = await startUdpRelay({
      target: { address: '127.0.0.1', port: ports.udp },
      seed: SEED,
      toTarget: LOSS,
      toClient: LOSS,
      maxClients: 10_000,
    });
    closers.push(() => relay.close());
    const credentials = throughRelay(await login({ loginUrl }), relay);
    const connection = await connect({ credentials, line: 'udp', stream: true });
    closers.push(() => connection.destroy());
    const transfer = new TwoWay(connection);
    const running = transfer.run();
    const moves: { line: string; at: number; tookMs: number }[] = [];
    for (let turn = 0; turn < MOVES; turn++) {
      while (transfer.receivedBytes < (turn + 1) * PART) await delay(1);
      transfer.allowed += PART;
      const line = ROUND[turn % ROUND.length] ?? 'udp';
      const at = performance.now();
      await connection.moveTo(line);
      moves.push({ line, at, tookMs: performance.now() - at });
    }
    transfer.allowed = TOTAL;
    await running;
    expect(transfer.receivedBytes).toBe(TOTAL);
    expect(transfer.received.digest('hex')).toBe(keystreamHash(SEED, TOTAL));
    expect(connection.stats().moves).toBe(MOVES);
    const gaps = moves.map(({ at }, i) => transfer.gapAfter(at, moves[i + 1]?.at ?? Infinity));
    gaps.sort((a, b) => a - b);
    const { toTarget, toClient } = relay.stats();
    const of = (share: number): string => (gaps[Math.floor((gaps.length - 1) * share)] ?? 0).toFixed(0);
    console.log(
      `${String(TOTAL / MIB)} MiB each way, ${String(moves.length)} moves, gaps p50 ${of(0.5)} ms, p99 ${of(0.99)} ms, ` +
        `longest ${of(1)} ms; relay lost ${String(toTarget.lost)} of ${String(toTarget.sent)} there, ` +
        `${String(toClient.lost)} of ${String(toClient.sent)} back; ${JSON.stringify((await gateway.status()).sessions?.moves)}`,
    );
    expect(await connection.closed).toMatchObject({ code: 1000 });
  },
);
