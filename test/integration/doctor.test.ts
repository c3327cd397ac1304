import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
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

test('an address that is taken is a failure', async () => {
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const bind = `127.0.0.1:${String(holder.address().port)}`;
  const taken = await examine(['--bind', bind]);
  expect(taken).toMatchObject({ code: 1, report: { ok: false } });
  expect(taken.report.findings.filter(({ status }) => status === 'failure')).toMatchObject([
    { check: 'listener line-udp' },
  ]);
  holder.close();
  await once(holder, 'close');
  expect((await examine(['--bind', bind])).code).toBe(0);
});

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
