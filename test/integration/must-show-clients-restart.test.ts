import { randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { bundleProgram, type BundledProgram } from '../support/bundled-program.ts';
import type { CrowdOrder } from '../support/crowd-order.ts';
import { freePorts } from '../support/free-ports.ts';
import type { RunningCommand } from '../support/kcpgate-command.ts';
import { serveGateway } from '../support/served-gateway.ts';
import type { TalkEvent } from '../support/talk-order.ts';

/** KCPGATE_RESTART_CLIENTS=500 for the long run. */
const CLIENTS = Number(process.env.KCPGATE_RESTART_CLIENTS ?? 100);
const PROCESSES = 2;
const IS_LONG = process.env.KCPGATE_RESTART_CLIENTS !== undefined;
/** Over how many seconds they come at first: what that makes a second is the steady rate. */
const START_OVER_S = 5;
const STEADY_PER_SECOND = CLIENTS / START_OVER_S;

let program: BundledProgram;
const closers: (() => unknown)[] = [];
beforeAll(async () => {
  program = await bundleProgram('many-clients.ts');
  return () => program.remove();
}, 120_000);
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A process with some of the clients. */
class Crowd {
  readonly events: TalkEvent[] = [];
  private readonly child: ChildProcess;
  private errorText = '';
  private hasEnded = false;

  constructor(order: CrowdOrder) {
    const child = spawn(process.execPath, [program.file, JSON.stringify(order)], { stdio: 'pipe' });
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errorText += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as TalkEvent);
    });
    // What it said last has been read then.
    child.once('close', () => (this.hasEnded = true));
    closers.push(() => child.kill('SIGKILL'));
  }

  tell(word: 'ask' | 'finish'): void {
    this.child.stdin?.write(`${word}\n`);
  }

  async said(event: string): Promise<TalkEvent> {
    for (;;) {
      const found = this.events.find((candidate) => candidate.event === event);
      if (found !== undefined) return found;
      if (this.hasEnded) throw new Error(this.errorText);
      await delay(20);
    }
  }
}

/** Logins a gateway has counted, in each second since the first of them. */
function loginsBySecond(gateway: RunningCommand): number[] {
  const times = gateway.output
    .split('\n')
    .filter((line) => line.includes('"msg":"login"'))
    .map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
  const seconds: number[] = [];
  for (const time of times) {
    const second = Math.floor((time - (times[0] ?? 0)) / 1000);
    while (seconds.length <= second) seconds.push(0);
    seconds[second]!++;
  }
  return seconds;
}

test.each([
  { keys: 'the same ticket keys', areKept: true },
  { keys: 'other ticket keys', areKept: false },
])(
  `a gateway is killed under ${String(CLIENTS)} clients, and started again with $keys`,
  { timeout: 120_000 + CLIENTS * 500 },
  async ({ keys, areKept }) => {
    const makeKey = (): string => randomBytes(32).toString('base64');
    const ticketKey = makeKey();
    // By this clients know that their sessions are gone, whatever becomes of the ticket keys.
    const common = {
      ...{ id: 1, udp: ['udp'], common: 'log_levels: { login: debug }' },
      login: `reset_key: "${makeKey()}"`,
    };
    // Ports the system does not give out: clients try again meanwhile, and one of their sockets could get that of the gateway.
    const [udp, tcp, ws] = (await freePorts(1, 1, 1)) as [number, number, number];
    const first = await serveGateway({ ...common, ticketKey, ports: { udp, tcp, ws } });
    closers.push(() => first.stop());
    const order: CrowdOrder = {
      loginUrl: `http://127.0.0.1:${String(first.ports.ws)}/api/login`,
      clients: CLIENTS / PROCESSES,
      startOverMs: START_OVER_S * 1000,
    };
    const crowds = Array.from({ length: PROCESSES }, () => new Crowd(order));
    await Promise.all(crowds.map((crowd) => crowd.said('ready')));
    const before = loginsBySecond(first.process);
    expect(sum(before)).toBe(CLIENTS);

    first.process.signal('SIGKILL');
    await first.process.exit;
    for (const crowd of crowds) crowd.tell('ask');
    const second = await serveGateway({
      ...common,
      ticketKey: areKept ? ticketKey : makeKey(),
      ports: first.ports,
    });
    closers.push(() => second.stop());
    const readyAt = performance.now();
    await Promise.all(crowds.map((crowd) => crowd.said('back')));
    const backS = (performance.now() - readyAt) / 1000;
    const after = loginsBySecond(second.process);
    console.log(
      `${keys}: all back after ${backS.toFixed(1)} s; logins in each second: at first ${before.join(' ')}; ` +
        `after the restart ${after.length === 0 ? 'none' : after.join(' ')}; steady ${String(STEADY_PER_SECOND)}`,
    );
    // While tickets hold nobody logs in; else everybody does, hardly anybody twice, and not all at once.
    if (areKept) expect(sum(after)).toBeLessThan(CLIENTS / 10);
    else expect(sum(after)).toBeGreaterThanOrEqual(CLIENTS);
    expect(sum(after)).toBeLessThan(CLIENTS * 1.5);
    // What a busy machine did not do in one second it does in the next, so the bound is for a machine that is left alone.
    const limit = IS_LONG ? 2 * STEADY_PER_SECOND : CLIENTS * 0.8;
    for (const logins of after.slice(1)) expect(logins).toBeLessThanOrEqual(limit);

    for (const crowd of crowds) crowd.tell('finish');
    for (const crowd of crowds) expect(await crowd.said('ended')).not.toHaveProperty('close', CLIENTS);
  },
);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
