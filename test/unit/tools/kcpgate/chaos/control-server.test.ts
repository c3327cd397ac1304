import { request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { Change } from '../../../../../tools/kcpgate/chaos/change.ts';
import type { ChaosState } from '../../../../../tools/kcpgate/chaos/chaos.ts';
import { startControlServer } from '../../../../../tools/kcpgate/chaos/control-server.ts';

const STATE: ChaosState = { seed: 7, elapsedMs: 10, nextStepMs: null, relays: [] };
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A server whose target does everything but `end`, and what it was told. */
async function control(): Promise<{ applied: Change[]; ask: (asking: Asking) => Promise<Answer> }> {
  const applied: Change[] = [];
  const server = await startControlServer(
    { address: '127.0.0.1', family: 4, port: 0 },
    {
      state: () => STATE,
      apply: (change) => {
        if (change.kind === 'end') return 'not now';
        applied.push(change);
        return undefined;
      },
    },
  );
  closers.push(() => server.close());
  return { applied, ask: (asking) => ask(server.address.port, asking) };
}

function ask(
  port: number,
  { method = 'GET', path = '/api/chaos', headers = {}, body }: Asking,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const type = response.headers['content-type'] ?? '';
        resolve({ status: response.statusCode ?? 0, type, body: text === '' ? undefined : JSON.parse(text) });
      });
    });
    asked.on('error', reject).end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };
const posting = (value: unknown): Asking => ({
  method: 'POST',
  headers: JSON_TYPE,
  body: JSON.stringify(value),
});

describe('the control API', () => {
  test('tells the state', async () => {
    const { ask } = await control();
    expect(await ask({})).toEqual({ status: 200, type: 'application/json', body: STATE });
  });

  test('does what it is told, in order, and tells the state', async () => {
    const { ask, applied } = await control();
    const answer = await ask(posting({ changes: ['udp loss 10% down', 'tcp reset'] }));
    expect(answer).toMatchObject({ status: 200, body: STATE });
    expect(applied).toEqual([
      { kind: 'weather', scope: 'udp', direction: 'down', values: { lossRate: 0.1 }, forMs: null },
      { kind: 'cut', scope: 'tcp', how: 'rst' },
    ]);
  });

  test('does nothing when one of the changes cannot be understood, and says which', async () => {
    const { ask, applied } = await control();
    const answer = await ask(posting({ changes: ['udp clear', 'udp los 1%'] }));
    expect(answer).toMatchObject({
      status: 400,
      type: 'application/problem+json',
      body: { code: 'malformed', detail: 'changes[1], column 5: there is no "los"; did you mean "loss"?' },
    });
    expect(applied).toEqual([]);
  });

  test('says what cannot be done', async () => {
    const { ask } = await control();
    const answer = await ask(posting({ changes: ['end'] }));
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'impossible', detail: 'changes[0]: not now' },
    });
  });

  test.each([
    ['of a page elsewhere', { headers: { origin: 'http://evil.example' } }, 403, 'origin_forbidden'],
    ['that says it crosses sites', { headers: { 'sec-fetch-site': 'cross-site' } }, 403, 'origin_forbidden'],
    ['for another name', { headers: { host: 'evil.example' } }, 403, 'host_forbidden'],
    ['for another path', { path: '/api' }, 404, 'not_found'],
    ['with another method', { method: 'PUT' }, 405, 'method_not_allowed'],
    ['without the type', { method: 'POST', body: '{"changes":["end"]}' }, 415, 'unsupported_media_type'],
    ['that is no JSON', { method: 'POST', headers: JSON_TYPE, body: '{' }, 400, 'malformed'],
    ['without changes', posting({}), 400, 'malformed'],
    ['with an empty list', posting({ changes: [] }), 400, 'malformed'],
    ['with something unknown', posting({ changes: ['udp clear'], more: 1 }), 400, 'malformed'],
    ['with words that are none', posting({ changes: [5] }), 400, 'malformed'],
    ['that is deep', posting({ changes: [[[[[[]]]]]] }), 400, 'malformed'],
    ['that is long', posting({ changes: ['x'.repeat(20_000)] }), 413, 'too_large'],
  ] as [string, Asking, number, string][])('refuses a request %s', async (_, asking, status, code) => {
    const { ask, applied } = await control();
    expect(await ask(asking)).toMatchObject({ status, body: { code } });
    expect(applied).toEqual([]);
  });

  test('is for this host only', async () => {
    const target = { state: () => STATE, apply: () => undefined };
    const starting = startControlServer({ address: '0.0.0.0', family: 4, port: 0 }, target);
    await expect(starting).rejects.toThrow(/no loopback address/);
  });
});
