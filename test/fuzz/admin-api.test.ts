import { once } from 'node:events';
import { connect } from 'node:net';
import { env } from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADMIN_PROBLEM_CODES } from '../../src/gateway/admin/admin-problem.ts';
import { startAdminWorld, type AdminWorld } from '../unit/gateway/admin/admin-world.ts';
import { report } from '../unit/gateway/admin/test-target.ts';

/*
 * Attacks the admin API with requests that are nearly right, and with bytes that are none. In a normal run a fixed number
 * from a fixed seed; with KCPGATE_FUZZ_SECONDS=<n> each for that long from a fresh one.
 */

const fuzzSeconds = Number(env.KCPGATE_FUZZ_SECONDS ?? 0);
const isLong = fuzzSeconds > 0;
const seed = env.KCPGATE_SEED !== undefined ? Number(env.KCPGATE_SEED) : isLong ? Date.now() : 1;
const LIMIT_MS = (fuzzSeconds + 60) * 1000;
const TOKEN = 'the-right-token-0123456789';

/** Runs until the bound and says how much that was. */
async function attack<T>(
  name: string,
  runs: number,
  input: fc.Arbitrary<T>,
  run: (value: T) => Promise<void>,
): Promise<void> {
  const startedAt = performance.now();
  let executions = 0;
  const property = fc.asyncProperty(input, async (value) => {
    executions++;
    await run(value);
  });
  await fc.assert(property, {
    seed: seed % 2 ** 31,
    numRuns: isLong ? 2 ** 31 - 1 : runs,
    plugins: isLong ? [fc.interruptAfterTimeLimit(fuzzSeconds * 1000)] : [],
  });
  const elapsed = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`fuzz admin ${name}: seed ${String(seed)}, ${String(executions)} executions, ${elapsed} s`);
}

/** A header or a target that ends neither its line nor the head. */
const lineText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

const sessionId = fc.oneof(fc.constantFrom('0.1', '0.2', '1.1'), lineText, fc.constant('kick'));

const path = fc.oneof(
  fc.constantFrom('/api/status', '/api/sessions', '/api/sessions/kick', '/api/drain', '/api/undrain'),
  fc.constant('/api/openapi.json'),
  sessionId.map((id) => `/api/sessions/${id}`),
  sessionId.map((id) => `/api/sessions/${id}/kick`),
  lineText.map((text) => text.replaceAll(' ', '')),
);

const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.webQueryParameters().map((text) => `?${text}`),
  fc
    .array(
      fc.tuple(
        fc.constantFrom('subject', 'conv', 'limit', 'after', '__proto__'),
        fc.oneof(fc.nat(1200).map(String), fc.constantFrom('alice', '0.1'), fc.webSegment()),
      ),
      { maxLength: 4 },
    )
    .map((pairs) => `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`),
);

/** What a body may be near to: every key, of its type or of another. */
const nearBody = fc.record(
  {
    subject: fc.oneof(fc.constant('alice'), fc.string({ unit: 'binary' }), fc.jsonValue()),
    conv: fc.oneof(fc.constant(1), fc.integer(), fc.jsonValue()),
    code: fc.oneof(fc.constantFrom('kicked', 'drain', 3500, 'kick', 1000), fc.jsonValue()),
    reason: fc.oneof(fc.string({ unit: 'binary', maxLength: 130 }), fc.jsonValue()),
    deadline: fc.oneof(fc.constantFrom('1s', '24h', '25h', '1e9s', '9'.repeat(15) + 'h'), fc.jsonValue()),
    jitter: fc.oneof(fc.constantFrom('500ms', '2s'), fc.jsonValue()),
    lines: fc.oneof(fc.array(fc.string({ maxLength: 70 }), { maxLength: 40 }), fc.jsonValue()),
    more: fc.jsonValue({ maxDepth: 12 }),
  },
  { requiredKeys: [] },
);

const rightBody = fc.oneof(
  fc.constant({}),
  fc.record({ subject: fc.constantFrom('alice', 'bob'), code: fc.constantFrom('kicked', 3001) }),
  fc.record({ code: fc.constantFrom('blocked', 3502), reason: fc.string({ maxLength: 40 }) }),
  fc.record({ deadline: fc.constantFrom('1s', '24h'), lines: fc.constantFrom([], ['eu-1']) }),
);

const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

const body = fc.oneof(
  { weight: 6, arbitrary: rightBody.map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 6, arbitrary: nearBody.map((value) => Buffer.from(JSON.stringify(value))) },
  {
    weight: 3,
    // JSON before up to three bytes of it were replaced.
    arbitrary: fc
      .tuple(nearBody, fc.array(fc.tuple(position, fc.nat(255)), { maxLength: 3 }))
      .map(([value, changes]) => {
        const bytes = Buffer.from(JSON.stringify(value));
        for (const [at, byte] of changes) bytes[Math.floor(at * bytes.length)] = byte;
        return bytes;
      }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('[', '{"a":', ' '), fc.nat(9000))
      .map(([text, count]) => Buffer.from(text.repeat(count))),
  },
);

const rightHeaders = fc.constant({ 'Content-Type': 'application/json', Authorization: `Bearer ${TOKEN}` });

const anyHeaders = fc.record(
  {
    'Content-Type': fc.oneof({ weight: 4, arbitrary: fc.constant('application/json') }, lineText),
    Authorization: fc.oneof(
      { weight: 4, arbitrary: fc.constant(`Bearer ${TOKEN}`) },
      lineText,
      lineText.map((text) => `Bearer ${text}`),
    ),
    Origin: fc.oneof(fc.constant('http://localhost'), lineText),
    'Content-Encoding': fc.oneof(fc.constant('identity'), lineText),
    Expect: fc.constantFrom('100-continue', 'x'),
    Upgrade: fc.constantFrom('websocket', 'h2c'),
  },
  { requiredKeys: [] },
);

const headers = fc.oneof({ weight: 2, arbitrary: rightHeaders }, { weight: 1, arbitrary: anyHeaders });

/** A request as it stands on the connection, its length right or wrong. */
const request = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('GET', 'POST') },
      fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'CONNECT', 'TRACE'),
    ),
    path,
    query,
    fc.oneof({ weight: 6, arbitrary: fc.constant('localhost') }, lineText),
    headers,
    body,
    fc.constantFrom('right', 'right', 'right', 'short', 'long', 'chunked', 'none'),
  )
  .map(([method, target, parameters, host, fields, bytes, length]) => {
    const text = bytes.toString('latin1');
    const framing: Readonly<Record<typeof length, string[]>> = {
      right: [`Content-Length: ${bytes.length}`],
      short: [`Content-Length: ${bytes.length >> 1}`],
      long: [`Content-Length: ${bytes.length + 9}`],
      chunked: ['Transfer-Encoding: chunked'],
      none: [],
    };
    const head = [
      `${method} ${target}${parameters} HTTP/1.1`,
      `Host: ${host}`,
      'Connection: close',
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
      ...framing[length],
    ].join('\r\n');
    const chunks = `${bytes.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    return `${head}\r\n\r\n${length === 'chunked' && bytes.length > 0 ? chunks : text}`;
  });

/** A request with up to four bytes replaced, or only its beginning. */
const brokenRequest = fc
  .tuple(request, fc.array(fc.tuple(position, fc.nat(255)), { maxLength: 4 }), fc.option(position))
  .map(([text, changes, end]) => {
    const bytes = Buffer.from(text, 'latin1');
    for (const [at, byte] of changes) bytes[Math.floor(at * bytes.length)] = byte;
    return end === null ? bytes : bytes.subarray(0, Math.floor(end * bytes.length));
  });

/** Everything that comes back before the connection ends; this end is ended, too, so that nothing is waited for. */
async function exchange({ server }: AdminWorld, bytes: Buffer): Promise<string> {
  const socket = connect({ host: server.address.address, port: server.address.port });
  let answer = '';
  socket.on('error', () => undefined).on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.end(bytes);
  await once(socket, 'close');
  return answer;
}

/** Its first answer is one of the API, or one of Node that does not take the request for HTTP. */
function expectAnswer(answer: string): void {
  const [, status, type, json] =
    /^HTTP\/1\.1 (\d+)[^]*?(?:\r\ncontent-type: (\S+)[^]*?)?\r\n\r\n([^]*)$/i.exec(answer) ?? [];
  if (status === undefined || type === undefined || json === '') return;
  expect(status).not.toBe('500');
  const parsed = JSON.parse(Buffer.from(json!.split('HTTP/1.1 ')[0]!, 'latin1').toString()) as {
    code?: string;
  };
  if (status === '200') expect(type).toBe('application/json');
  else expect(ADMIN_PROBLEM_CODES).toContain(parsed.code);
}

/** It is whole: no error was logged, it answers, and nothing of hostile text stands in the gateway. */
async function expectAlive(world: AdminWorld): Promise<void> {
  const { logger, target, get } = world;
  expect(logger.records.filter(({ level }) => level === 'error')).toEqual([]);
  for (const { code, reason } of target.kicks) {
    expect(code).toBeGreaterThanOrEqual(3000);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
  }
  expect((await get('/api/status', { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
}

describe('fuzz: the admin API', () => {
  for (const token of [null, TOKEN]) {
    const kind = token === null ? 'open' : 'with a token';
    it(
      `answers requests that are nearly right (${kind})`,
      async () => {
        const world = await startAdminWorld({ token, bodyTimeoutMs: 20 });
        await attack(`requests, ${kind}`, 1500, request, async (text) => {
          world.clock.ms += 60_000;
          world.target.open = [report('0.1'), report('0.2', { subject: 'bob' })];
          expectAnswer(await exchange(world, Buffer.from(text, 'latin1')));
        });
        await expectAlive(world);
        for (const done of ['kick', 'drain', 'undrain']) expect(world.logger.fieldsOf(done)).not.toEqual([]);
      },
      LIMIT_MS,
    );
  }

  it(
    'outlives any bytes',
    async () => {
      const world = await startAdminWorld({ bodyTimeoutMs: 20 });
      const bytes = fc.oneof(
        { weight: 4, arbitrary: brokenRequest },
        fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array)),
      );
      await attack('bytes', 1500, bytes, async (text) => {
        world.clock.ms += 60_000;
        expectAnswer(await exchange(world, text));
      });
      await expectAlive(world);
    },
    LIMIT_MS,
  );
});
