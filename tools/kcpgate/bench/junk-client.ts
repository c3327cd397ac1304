import { setTimeout as delay } from 'node:timers/promises';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import type { ChildProgram } from './child-program.ts';
import { ClientEndpoints } from './client-endpoint.ts';
import { EchoPacer } from './echo-pacer.ts';
import { EchoSession, type EchoSamples } from './echo-session.ts';
import type { FloodResult } from './flood-client.ts';
import type { LoadOptions } from './load-options.ts';
import { summarizeLatency, type LatencySummary } from './percentile.ts';
import { cpuBetween, cpuSeconds, type CpuTime } from './process-usage.ts';

/** What a flood of junk did to a server and its live sessions. */
export interface JunkResult {
  /** Every echo of the live sessions came back. */
  readonly complete: boolean;
  readonly flood: FloodResult;
  /** Of the live sessions: of what was sent before the flood, and from its beginning to its end. */
  readonly before: LatencySummary;
  readonly during: LatencySummary;
  /**
   * Of the server: what the flood took beside what the live sessions take in the same time; undefined when it was not
   * watched.
   */
  readonly floodCpuSeconds: number | undefined;
  /** Of the server, its whole life; undefined when it was not watched. */
  readonly server: CpuTime | undefined;
  /** Why it is not complete. */
  readonly error?: string;
}

/** Starts a program that floods `address`, a line, once for each line on its standard input. */
export type StartFlood = (address: string, load: LoadOptions) => Promise<ChildProgram>;

/**
 * Keeps live sessions echoing while another process floods the server, twice: the first time it only warms up.
 * @param onWarm called when that is over; nothing is sent but live echoes then, for {@link CALM_MS} at least.
 */
export async function runJunkClient(
  server: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
  startFlood: StartFlood,
): Promise<JunkResult> {
  const clients = await ClientEndpoints.to(server, load);
  const live = await LiveSessions.open(clients, load);
  const flooder = await startFlood(formatSocketAddress(clients.remote), { ...load, liveConvs: live.convs });
  try {
    const flood = async (): Promise<FloodResult> => {
      flooder.tell('flood');
      const done = await flooder.next('result', load.timeoutMs);
      // What waits in the socket is part of it.
      await delay(SETTLE_MS);
      return done as unknown as FloodResult;
    };
    await flooder.next('listening', load.timeoutMs);
    live.start();
    if (load.warmUp > 0) await flood();
    onWarm();
    const read = (): Reading => ({ at: performance.now(), server: readServer() });
    const first = read();
    await delay(CALM_MS);
    const second = read();
    const done = await flood();
    const last = read();
    const isComplete = await live.finish(load.timeoutMs);
    const floodAt = done.startedAt - performance.timeOrigin;
    return {
      complete: isComplete,
      flood: done,
      before: live.latency(first.at, second.at),
      during: live.latency(floodAt, floodAt + done.seconds * 1000),
      floodCpuSeconds: beyond(first, second, last),
      server: readServer(),
      ...(isComplete ? {} : { error: live.failure ?? 'echoes are missing' }),
    };
  } finally {
    await flooder.stop();
    await clients.close();
  }
}

/** What a server had used when. */
interface Reading {
  readonly at: number;
  readonly server: CpuTime | undefined;
}

/** CPU time between two readings beyond what would have been used at the pace between the two before; in seconds. */
function beyond(first: Reading, second: Reading, last: Reading): number | undefined {
  if (first.server === undefined || second.server === undefined || last.server === undefined)
    return undefined;
  const calm = cpuSeconds(cpuBetween(first.server, second.server)) / (second.at - first.at);
  return cpuSeconds(cpuBetween(second.server, last.server)) - calm * (last.at - second.at);
}

/** Sessions that echo all the time. */
class LiveSessions {
  readonly convs: readonly number[];
  /** Why one of them ended early. */
  failure: string | undefined;
  private readonly samples: EchoSamples = {
    latencyMs: new Float64Array(MAX_ECHOES),
    count: 0,
    warmUpLeft: 0,
  };
  /** When each came back. */
  private readonly receivedAt = new Float64Array(MAX_ECHOES);
  private readonly pacer: EchoPacer;

  static async open(clients: ClientEndpoints, load: LoadOptions): Promise<LiveSessions> {
    const openers = [];
    for (let i = 0; i < load.junkSessions; i++) openers.push(await clients.open(true));
    return new LiveSessions(openers, load);
  }

  private constructor(
    openers: readonly Awaited<ReturnType<ClientEndpoints['open']>>[],
    { sizeBytes, echoesPerSecond }: LoadOptions,
  ) {
    const sessions: EchoSession[] = [];
    const echoed = (): void => {
      this.receivedAt[this.samples.count - 1] = performance.now();
    };
    const ended = (reason: string): void => {
      this.failure ??= reason;
    };
    for (const opener of openers) {
      opener.connect(false, (port) => {
        const session = new EchoSession(port, sizeBytes, this.samples, echoed, ended);
        sessions.push(session);
        return session;
      });
    }
    this.convs = openers.flatMap(({ endpoint }) => [...endpoint.sessions()].map(({ conv }) => conv));
    this.pacer = new EchoPacer(sessions, echoesPerSecond);
  }

  /** Echoes that came back. */
  get count(): number {
    return this.samples.count;
  }

  start(): void {
    this.pacer.start();
  }

  /** Sends no more. @returns whether everything came back. */
  async finish(timeoutMs: number): Promise<boolean> {
    this.pacer.stop();
    const end = performance.now() + timeoutMs;
    while (this.count < this.pacer.sent && this.failure === undefined && performance.now() < end)
      await delay(20);
    return this.count === this.pacer.sent;
  }

  /** Of the echoes that were sent in this time. */
  latency(from: number, to: number): LatencySummary {
    const { samples, receivedAt } = this;
    const sentThen = samples.latencyMs.subarray(0, samples.count).filter((latencyMs, index) => {
      const sentAt = (receivedAt[index] ?? 0) - latencyMs;
      return sentAt >= from && sentAt < to;
    });
    return summarizeLatency(sentThen);
  }
}

const CALM_MS = 2000;
const SETTLE_MS = 200;
/** More than any run has. */
const MAX_ECHOES = 2_000_000;
