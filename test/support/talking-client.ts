/**
 * A client process that sends a stream, or messages, to an echo and compares what comes back. What it does stands in its
 * first argument, a {@link TalkOrder} in JSON; it prints JSON lines ({@link TalkEvent}), and ends by itself: after `finish` on
 * its standard input, or when its session is over.
 */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createClient,
  GatewayError,
  type ClientSession,
  type ClientStatus,
} from '../../src/client/node/index.ts';
import { keystream } from './keystream.ts';
import type { NodeClientOptions, TalkEvent, TalkOrder } from './talk-order.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as TalkOrder;
const PIECE_BYTES = 4096;

/** Comparable with that of other processes of this machine. */
const nowMs = (): number => performance.timeOrigin + performance.now();
const say = (event: TalkEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

/** What a login tells, with the lines of the order, which lead through relays, in place of its own. */
const throughRelays: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const answer = (await response.json()) as { lines?: { transport: string; gatewayId: number }[] };
  const lines = order.lines.flatMap((line) => {
    const alike = answer.lines?.filter(({ transport }) => transport === line.transport) ?? [];
    const own = alike.find(({ gatewayId }) => gatewayId === line.gatewayId) ?? alike[0];
    return own === undefined ? [] : [{ ...own, ...line, host: '127.0.0.1' }];
  });
  const { status, headers } = response;
  const kept = new Headers(headers);
  for (const name of ['content-length', 'content-encoding']) kept.delete(name);
  return new Response(JSON.stringify(answer.lines === undefined ? answer : { ...answer, lines }), {
    status,
    headers: kept,
  });
};

let isFinishing = false;
const input = createInterface({ input: process.stdin }).on('line', () => (isFinishing = true));
process.stdin.unref();

class Talk {
  readonly sentHash = createHash('sha256');
  readonly receivedHash = createHash('sha256');
  sentBytes = 0;
  receivedBytes = 0;
  /** Pieces that were sent and that came back. */
  sent = 0;
  received = 0;
  private readonly session: ClientSession;
  private heardAt = nowMs();

  constructor(session: ClientSession) {
    this.session = session;
  }

  async run(): Promise<void> {
    await Promise.all([this.speak(), this.listen()]);
    say({
      event: 'result',
      sentBytes: this.sentBytes,
      receivedBytes: this.receivedBytes,
      sent: this.sent,
      received: this.received,
      isEqual: this.sentHash.digest('hex') === this.receivedHash.digest('hex'),
    });
  }

  private async speak(): Promise<void> {
    const startedAt = nowMs();
    for await (const piece of keystream(
      order.seed,
      Number.MAX_SAFE_INTEGER,
      order.pieceBytes ?? PIECE_BYTES,
    )) {
      const bytes = piece as Uint8Array;
      const dueAt = startedAt + (this.sentBytes * 1000) / order.bytesPerSecond;
      if (dueAt > nowMs()) await delay(dueAt - nowMs());
      if (isFinishing || !(await this.send(bytes))) break;
      this.sent++;
      this.sentBytes += bytes.length;
      this.sentHash.update(bytes);
    }
    if (order.mode === 'stream') this.session.end();
    else if (this.received === this.sent) await this.session.close();
  }

  /** @returns false when the session is over. */
  private async send(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += this.session.send(bytes, at);
        if (at < bytes.length) await this.session.writable();
      }
      return true;
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'session_closed') return false;
      throw error;
    }
  }

  private async listen(): Promise<void> {
    for await (const bytes of this.session) {
      const now = nowMs();
      if (now - this.heardAt >= order.gapMs) {
        say({ event: 'gap', fromMs: this.heardAt, toMs: now, line: this.session.line?.id ?? null });
      }
      this.heardAt = now;
      this.received++;
      this.receivedBytes += bytes.length;
      this.receivedHash.update(bytes);
      if (order.mode === 'messages' && isFinishing && this.received === this.sent) await this.session.close();
    }
  }
}

const onStatus = ({ type, ...fields }: ClientStatus): void => say({ event: type, atMs: nowMs(), ...fields });
try {
  const options = {
    ...order.options,
    loginUrl: order.loginUrls,
    mode: order.mode,
    fetch: throughRelays,
  } satisfies NodeClientOptions;
  const session = await createClient(options).connect({ onStatus });
  await new Talk(session).run();
  const { code, reason } = await session.closed;
  say({ event: 'ended', code, reason });
} catch (error) {
  const code = error instanceof GatewayError ? error.code : 'unexpected';
  say({ event: 'failed', code, message: error instanceof Error ? error.message : String(error) });
}
input.close();
process.stdin.pause();
