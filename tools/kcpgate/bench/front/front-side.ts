import { once } from 'node:events';
import { createClient, type ClientSession } from '../../../../src/client/node/index.ts';
import type { Report } from '../bench-side.ts';
import { summarizeLatency } from '../percentile.ts';
import { RepeatedBlock } from './repeated-block.ts';

/** What the client of a run is to do: echoes on many sessions, then a stream on one. */
export interface FrontSide {
  readonly loginUrl: string;
  readonly transport: 'udp' | 'tcp';
  /** The port of 127.0.0.1 that the line is reached at: nginx, or the gateway. */
  readonly port: number;
  readonly sessions: number;
  readonly echoesPerSecond: number;
  readonly sizeBytes: number;
  readonly seconds: number;
  readonly streamBytes: number;
  /** Unmeasured before each, as a share of it. */
  readonly warmUp: number;
}

/**
 * Does it, and reports the moments at which whoever watches reads what the servers used: `echoing` and `echoed`, `streaming` and
 * `streamed`. It waits for a word on its standard input at each.
 * @throws Error when something does not come back as it was sent.
 */
export async function runFrontSide(
  side: FrontSide,
  report: Report,
  words: NodeJS.ReadableStream,
): Promise<void> {
  const tell = async (event: Parameters<Report>[0]): Promise<void> => {
    report(event);
    await once(words, 'data');
  };
  const sessions = await openSessions(side);
  const latencyMs = await echo(sessions, side, tell);
  await tell({ event: 'echoed', latencyMs: summarizeLatency(Float64Array.from(latencyMs)) });
  await Promise.all(sessions.map((session) => session.destroy()));
  await stream(side, tell);
}

/** A login whose only line leads where the run wants it. */
function clientFor({ loginUrl, transport, port }: FrontSide, mode: 'messages' | 'stream') {
  return createClient({
    ...{ loginUrl, allowHttp: true, mode, switching: false },
    ...(mode === 'messages' ? { socketBufferBytes: 65_536 } : {}),
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      const answer = (await response.json()) as {
        readonly lines?: readonly { readonly transport: string }[];
      };
      const line = answer.lines?.find((one) => one.transport === transport);
      return Response.json(line === undefined ? answer : { ...answer, lines: [{ ...line, port }] }, {
        status: response.status,
      });
    },
  });
}

async function openSessions(side: FrontSide): Promise<ClientSession[]> {
  const sessions: ClientSession[] = [];
  while (sessions.length < side.sessions) {
    const some = Math.min(AT_ONCE, side.sessions - sessions.length);
    sessions.push(
      ...(await Promise.all(Array.from({ length: some }, () => clientFor(side, 'messages').connect()))),
    );
  }
  return sessions;
}

/** Echoes at a steady pace on every session. @returns how long those after the warm-up took, in ms. */
async function echo(
  sessions: readonly ClientSession[],
  { echoesPerSecond, sizeBytes, seconds, warmUp }: FrontSide,
  tell: (event: Parameters<Report>[0]) => Promise<void>,
): Promise<number[]> {
  const latencyMs: number[] = [];
  let isMeasuring = false;
  let isOver = false;
  const listen = async (session: ClientSession): Promise<void> => {
    for await (const message of session) {
      if (!isMeasuring) continue;
      const { buffer, byteOffset } = message;
      latencyMs.push(performance.now() - new DataView(buffer, byteOffset).getFloat64(0));
    }
  };
  const speak = async (session: ClientSession, index: number): Promise<void> => {
    const everyMs = 1000 / echoesPerSecond;
    const startedAt = performance.now() + (index * everyMs) / sessions.length;
    for (let number = 0; !isOver; number++) {
      const wait = startedAt + number * everyMs - performance.now();
      if (wait > 0) await timer(wait);
      const message = Buffer.alloc(sizeBytes);
      message.writeDoubleBE(performance.now());
      if (session.send(message) < sizeBytes) throw new Error('the queue is full');
    }
  };
  for (const session of sessions) void listen(session);
  const speaking = Promise.all(sessions.map(speak));
  await timer(seconds * warmUp * 1000);
  await tell({ event: 'echoing' });
  isMeasuring = true;
  await timer(seconds * 1000);
  isMeasuring = false;
  isOver = true;
  await speaking;
  return latencyMs;
}

/** One stream to the echo and back, compared on the way. */
async function stream(side: FrontSide, tell: (event: Parameters<Report>[0]) => Promise<void>): Promise<void> {
  const session = await clientFor(side, 'stream').connect();
  const block = new RepeatedBlock();
  const warmUp = Math.round(side.streamBytes * side.warmUp);
  let received = 0;
  let until = warmUp;
  let reached: () => void = () => undefined;
  const receiving = (async () => {
    for await (const bytes of session) {
      if (!block.isAt(received, bytes)) throw new Error('the stream came back wrong');
      received += bytes.length;
      if (received >= until) reached();
    }
  })();
  const sent = { bytes: 0 };
  const phase = async (end: number): Promise<void> => {
    const done = new Promise<void>((resolve) => (reached = resolve));
    until = end;
    while (sent.bytes < end) {
      const piece = block.from(sent.bytes, end - sent.bytes);
      const taken = session.send(piece);
      sent.bytes += taken;
      if (taken < piece.length) await session.writable();
    }
    await Promise.race([done, receiving]);
    if (received < end) throw new Error('the stream ended early');
  };
  await phase(warmUp);
  await tell({ event: 'streaming' });
  const startedAt = performance.now();
  await phase(warmUp + side.streamBytes);
  await tell({ event: 'streamed', seconds: (performance.now() - startedAt) / 1000 });
  await session.destroy();
  await receiving.catch(() => undefined);
}

const timer = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
/** Logins at the same time. */
const AT_ONCE = 20;
