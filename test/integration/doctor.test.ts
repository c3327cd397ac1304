import { createSocket } from 'node:dgram';
import { once, type EventEmitter } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { freePorts } from '../support/free-ports.ts';
import { runKcpgate } from '../support/kcpgate-command.ts';

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { readonly check: string; readonly status: string; readonly text: string }[];
}

async function examine(flags: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const result = await runKcpgate(['doctor', '--json', ...flags], environment);
  return { ...result, report: JSON.parse(result.output) as Report };
}

test('a machine that runs these tests passes, with and without the addon', async () => {
  for (const mode of ['on', 'off']) {
    const { code, report } = await examine([], { KCPGATE_NATIVE: mode });
    expect({ code, ok: report.ok }, JSON.stringify(report)).toEqual({ code: 0, ok: true });
    expect(report.findings.find(({ check }) => check === 'UDP loopback')).toMatchObject({ status: 'ok' });
    const native = report.findings.find(({ check }) => check === 'native addon');
    expect(native?.text.includes('KCPGATE_NATIVE=off')).toBe(mode === 'off');
  }
});

test('for people: a line for each check, no colour into a pipe', async () => {
  const { code, output } = await runKcpgate(['doctor']);
  expect(code).toBe(0);
  expect(output).toMatch(/^kcpgate \d+\.\d+\.\d+, Node /);
  expect(output).toMatch(/^ok {4}UDP loopback {2}/m);
  expect(output).not.toContain('\u001b');
});

/** Nothing but the address of `--bind` is fixed. */
const FREE_PORTS = ['--set', 'listeners.http.bind=127.0.0.1:0', '--set', 'common.admin_addr=null'];

test.each([
  { listener: 'line-udp', hold: holdUdp },
  { listener: 'line-tcp', hold: holdTcp },
])('an address that is taken is a failure of $listener', async ({ listener, hold }) => {
  const holder = await hold();
  const options = ['--bind', `127.0.0.1:${String(holder.address().port)}`, ...FREE_PORTS];
  const taken = await examine(options);
  expect(taken).toMatchObject({ code: 1, report: { ok: false } });
  expect(taken.report.findings.filter(({ status }) => status === 'failure')).toMatchObject([
    { check: `listener ${listener}` },
  ]);
  holder.close();
  await once(holder, 'close');
  expect((await examine(options)).code).toBe(0);
});

/** A socket that holds a port. */
interface Holder extends EventEmitter {
  address(): AddressInfo;
  close(): unknown;
}

/** On which nothing of another test listens: it has to be free for the other protocol. */
async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

async function holdUdp(): Promise<Holder> {
  const socket = createSocket('udp4').bind(await freePort(), '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function holdTcp(): Promise<Holder> {
  const server = createServer().listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return Object.assign(server, { address: () => address });
}

test('a wrong configuration ends with 2 and is told as check tells it', async () => {
  const { code, report } = await examine(['--set', 'common.worker=5']);
  expect(code).toBe(2);
  expect(report.findings).toMatchObject([
    { check: 'configuration', status: 'failure', text: expect.stringContaining('common.workers') as string },
  ]);
});

// The most workers there can be, so that no usual machine has a processor for each.
test.runIf(availableParallelism() < 64)('--strict: what could be better is a failure', async () => {
  const tooMany = ['--set', 'common.workers=64'];
  expect((await examine(tooMany)).code).toBe(0);
  expect((await examine([...tooMany, '--strict'])).code).toBe(1);
});
