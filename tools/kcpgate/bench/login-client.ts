import { Agent, request } from 'node:http';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { LoadOptions } from './load-options.ts';
import { cpuBetween, cpuSeconds, ownCpu, type CpuTime } from './process-usage.ts';

/** Logins of one kind. */
export interface LoginPhase {
  readonly logins: number;
  readonly seconds: number;
  /** Of the server; undefined when it was not watched. */
  readonly serverCpuSeconds: number | undefined;
}

/** What logging in came to. */
export interface LoginResult {
  /** Every login was answered with a session. */
  readonly complete: boolean;
  readonly keepAlive: LoginPhase;
  /** Over a new connection each. */
  readonly fresh: LoginPhase;
  /** Of this process, without the warm-up. */
  readonly cpu: CpuTime;
  /** Of the server, its whole life; undefined when it was not watched. */
  readonly server: CpuTime | undefined;
  /** Why it is not complete. */
  readonly error?: string;
}

/** Logs in as fast as the server answers: first over {@link CONNECTIONS} connections that are kept, then over new ones. */
export async function runLoginClient(
  server: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
): Promise<LoginResult> {
  const kept = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const freshLogins = Math.ceil(load.logins / 5);
  const give = setTimeout(() => kept.destroy(), load.timeoutMs);
  const phase = async (agent: Agent | false, logins: number): Promise<LoginPhase> => {
    const before = readServer();
    const startedAt = performance.now();
    await logInMany(server, agent, logins);
    const seconds = (performance.now() - startedAt) / 1000;
    const after = readServer();
    const cpu = before && after && cpuSeconds(cpuBetween(before, after));
    return { logins, seconds, serverCpuSeconds: cpu };
  };
  let [keepAlive, fresh] = [NOTHING, NOTHING];
  let cpuBefore = process.cpuUsage();
  let error: string | undefined;
  try {
    await logInMany(server, kept, Math.round(load.warmUp * load.logins));
    await logInMany(server, false, Math.round(load.warmUp * freshLogins));
    onWarm();
    cpuBefore = process.cpuUsage();
    keepAlive = await phase(kept, load.logins);
    fresh = await phase(false, freshLogins);
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
  }
  clearTimeout(give);
  kept.destroy();
  return {
    complete: error === undefined,
    keepAlive,
    fresh,
    cpu: ownCpu(cpuBefore),
    server: readServer(),
    ...(error !== undefined && { error }),
  };
}

async function logInMany(server: SocketAddress, agent: Agent | false, count: number): Promise<void> {
  let started = 0;
  const logInInTurn = async (): Promise<void> => {
    while (started < count) {
      started++;
      await logIn(server, agent);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, logInInTurn));
}

/** @param agent false: a new connection. */
function logIn({ address, port }: SocketAddress, agent: Agent | false): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': BODY.length };
    const options = { host: address, port, path: '/api/login', method: 'POST', headers, agent };
    const sent = request(options, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200 && bytes > MIN_ANSWER_BYTES) resolve();
        else reject(new Error(`a login was answered with ${String(response.statusCode)}`));
      });
    });
    sent.on('error', reject);
    sent.end(BODY);
  });
}

const NOTHING: LoginPhase = { logins: 0, seconds: 0, serverCpuSeconds: undefined };
const CONNECTIONS = 16;
const BODY = Buffer.from('{"seal":["aes-128-gcm"]}');
/** A ticket and a secret take more than that. */
const MIN_ANSWER_BYTES = 200;
