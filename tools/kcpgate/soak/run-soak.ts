import { setTimeout as delay } from 'node:timers/promises';
import { ChildSide } from './child-side.ts';
import type { ClientOrder } from './client-load.ts';
import { formatMib, formatSample, readProcess, SAMPLE_HEADINGS, type Sample } from './sample.ts';
import type { ClientReport, GatewayReport } from './soak-message.ts';
import { startTcpBackEnds, type TcpBackEnds } from './tcp-back-ends.ts';
import { judgeSamples, SOAK_LIMITS } from './verdict.ts';

export interface SoakOptions {
  readonly durationMs: number;
  readonly sampleMs: number;
  /** Sessions open at a time, in all. */
  readonly sessions: number;
  readonly workers: number;
  readonly seed: number;
}

export interface SoakResult {
  readonly samples: readonly Sample[];
  readonly finishedSessions: number;
  readonly cutOffSessions: number;
  readonly killedProcesses: number;
  /** What is wrong; empty: the run is good. */
  readonly faults: readonly string[];
}

/**
 * Runs a gateway in a process of its own under sessions that come and go, and looks whether it grows.
 * @param print told each line of the table.
 */
export async function runSoak(options: SoakOptions, print: (line: string) => void): Promise<SoakResult> {
  const backEnds = await startTcpBackEnds();
  const gateway = new ChildSide<GatewayReport>(
    'the gateway',
    'gateway-side',
    gatewayConfig(options, backEnds),
  );
  try {
    const listening = await gateway.next();
    if (listening.kind !== 'listening') throw new Error('the gateway did not listen');
    return await new Soak(options, gateway, listening.ports, print).run();
  } finally {
    await gateway.stop();
    backEnds.close();
  }
}

class Soak {
  private readonly options: SoakOptions;
  private readonly gateway: ChildSide<GatewayReport>;
  private readonly ports: Readonly<Record<string, number>>;
  private readonly print: (line: string) => void;
  private readonly samples: Sample[] = [];
  private readonly faults: string[] = [];
  private clients: ChildSide<ClientReport>[] = [];
  /** Sums of processes that are gone, as of their last report. */
  private readonly gone = { finished: 0, cutOff: 0, verifiedBytes: 0 };
  private killedProcesses = 0;
  private startedAt = 0;
  private nextSeed: number;

  constructor(
    options: SoakOptions,
    gateway: ChildSide<GatewayReport>,
    ports: Readonly<Record<string, number>>,
    print: (line: string) => void,
  ) {
    this.options = options;
    this.gateway = gateway;
    this.ports = ports;
    this.print = print;
    this.nextSeed = options.seed;
  }

  async run(): Promise<SoakResult> {
    const descriptorsBefore = await this.warmUp();
    this.print(SAMPLE_HEADINGS);
    this.startedAt = performance.now();
    this.clients = [this.startClients(), this.startClients()];
    const { durationMs, sampleMs } = this.options;
    const count = Math.max(1, Math.floor(durationMs / sampleMs));
    for (let i = 1; i <= count; i++) {
      await delay(Math.max(0, this.startedAt + i * sampleMs - performance.now()));
      await this.sample();
      if (i % SAMPLES_PER_KILL === 0 && i < count) await this.replaceClients(i / SAMPLES_PER_KILL);
    }
    await Promise.all(this.clients.map((client) => this.retire(client, 'stop')));
    await this.judgeTheEnd(descriptorsBefore);
    this.faults.push(...judgeSamples(this.samples, SOAK_LIMITS));
    return {
      samples: this.samples,
      finishedSessions: this.gone.finished,
      cutOffSessions: this.gone.cutOff,
      killedProcesses: this.killedProcesses,
      faults: this.faults,
    };
  }

  /** One round of everything, so that what is opened once and kept does not count. @returns the open descriptors. */
  private async warmUp(): Promise<number> {
    const clients = this.startClients();
    await delay(WARM_UP_MS);
    await this.retire(clients, 'stop');
    await this.untilNoSessions();
    return readProcess(this.gateway.pid).descriptors;
  }

  private async sample(): Promise<void> {
    const report = await this.gateway.ask('report');
    if (report.kind !== 'report') return;
    let { verifiedBytes } = this.gone;
    for (const client of this.clients) verifiedBytes += (await client.ask('report')).verifiedBytes;
    const sample = {
      seconds: (performance.now() - this.startedAt) / 1000,
      ...readProcess(this.gateway.pid),
      ...report,
      verifiedBytes,
    };
    this.samples.push(sample);
    this.print(formatSample(sample));
  }

  /** One of the processes dies without a word, and another takes its place. */
  private async replaceClients(turn: number): Promise<void> {
    const index = turn % this.clients.length;
    const victim = this.clients[index];
    if (victim === undefined) return;
    await this.retire(victim, 'kill');
    this.clients[index] = this.startClients();
  }

  private async retire(client: ChildSide<ClientReport>, how: 'stop' | 'kill'): Promise<void> {
    const report = await client.ask(how === 'stop' ? 'stop' : 'report', LAST_SESSIONS_MS);
    this.gone.finished += report.finished;
    this.gone.cutOff += report.cutOff;
    this.gone.verifiedBytes += report.verifiedBytes;
    if (report.failures > 0) {
      this.faults.push(`${report.failures} sessions went wrong, such as: ${report.failureTexts.join('; ')}`);
    }
    if (how === 'stop') await client.stop();
    else {
      this.killedProcesses++;
      await client.kill();
    }
  }

  private startClients(): ChildSide<ClientReport> {
    const order: ClientOrder = {
      ports: this.ports,
      slots: Math.max(1, Math.ceil(this.options.sessions / 2)),
      seed: this.nextSeed++,
    };
    return new ChildSide('the clients', 'client-side', JSON.stringify(order));
  }

  /** Without load the gateway is to hold no more than before it. */
  private async judgeTheEnd(descriptorsBefore: number): Promise<void> {
    const sessions = await this.untilNoSessions();
    if (sessions > 0) this.faults.push(`${sessions} sessions are left`);
    const { descriptors, residentBytes } = readProcess(this.gateway.pid);
    this.print(
      `At rest: ${descriptors} open files (${descriptorsBefore} before), ${formatMib(residentBytes)} MiB`,
    );
    if (descriptors > descriptorsBefore) {
      this.faults.push(`${descriptors} open files at rest, ${descriptorsBefore} before the load`);
    }
  }

  /** @returns how many sessions are there still. */
  private async untilNoSessions(): Promise<number> {
    const deadline = performance.now() + UNTIL_EMPTY_MS;
    for (;;) {
      const report = await this.gateway.ask('report');
      const sessions = report.kind === 'report' ? report.sessions : 0;
      if (sessions === 0 || performance.now() > deadline) return sessions;
      await delay(250);
    }
  }
}

function gatewayConfig({ workers }: SoakOptions, { echoPort, breakingPort }: TcpBackEnds): string {
  const listeners = ['echo', 'tcp', 'breaking'].map((name) => ({
    name,
    type: 'kcp-udp',
    bind: '127.0.0.1:0',
    idle_timeout: '4s',
    max_sessions: 20_000,
    max_sessions_per_source: 20_000,
    new_sessions_per_second: 100_000,
    new_sessions_per_source_per_second: 100_000,
  }));
  const tcp = (port: number): object => ({ type: 'tcp', servers: [{ address: `127.0.0.1:${port}` }] });
  return JSON.stringify({
    common: { workers, drain_timeout: '2s' },
    listeners,
    upstreams: { echo: { type: 'echo' }, tcp: tcp(echoPort), breaking: tcp(breakingPort) },
    routes: listeners.map(({ name }) => ({ name, match: { listener: name }, target: name })),
  });
}

const WARM_UP_MS = 2_000;
/** A process of clients is killed every so many samples. */
const SAMPLES_PER_KILL = 3;
/** How long the sessions that are open take to end. */
const LAST_SESSIONS_MS = 45_000;
/** Sessions whose client died go by the idle timeout. */
const UNTIL_EMPTY_MS = 30_000;
