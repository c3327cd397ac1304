import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { env } from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_LOG } from '../../src/base/logger.ts';
import { createAuthenticator } from '../../src/gateway/login/create-authenticator.ts';
import { createLoginHandler } from '../../src/gateway/login/http-handler.ts';
import { parseLoginBody } from '../../src/gateway/login/login-request.ts';
import { isProblem } from '../../src/gateway/login/login-service.ts';
import { PROBLEM_CODES, problemJson } from '../../src/gateway/login/problem.ts';
import { requestHostOf } from '../../src/gateway/http/request-host.ts';
import { addressOf, createLoginWorld, NOW_MS } from '../unit/gateway/login/login-world.ts';
import { forge, SECRET, seconds } from '../unit/gateway/login/token-maker.ts';

/*
 * Attacks the login with hostile bodies, tokens and HTTP requests. In a normal run a fixed number of each from a fixed seed;
 * with KCPGATE_FUZZ_SECONDS=<n> each for that long from a fresh one.
 */

const fuzzSeconds = Number(env.KCPGATE_FUZZ_SECONDS ?? 0);
const isLong = fuzzSeconds > 0;
const seed = env.KCPGATE_SEED !== undefined ? Number(env.KCPGATE_SEED) : isLong ? Date.now() : 1;
const LIMIT_MS = (fuzzSeconds + 60) * 1000;

/** Runs until the bound and says how much that was. */
async function attack<T>(
  name: string,
  runs: number,
  input: fc.Arbitrary<T>,
  run: (value: T) => unknown,
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
  console.log(`fuzz login ${name}: seed ${String(seed)}, ${String(executions)} executions, ${elapsed} s`);
}

const rightToken = forge({ alg: 'HS256' }, { sub: 'user-7', exp: seconds(60) }, SECRET);

/** What a body may be near to: every key, of its type or of another. */
const nearBody = fc.record(
  {
    token: fc.oneof(fc.constant(rightToken), fc.string(), fc.jsonValue()),
    client: fc.oneof(
      fc.record(
        { version: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()), platform: fc.string() },
        { requiredKeys: [] },
      ),
      fc.jsonValue(),
    ),
    seal: fc.oneof(
      fc.array(fc.oneof(fc.constantFrom('aes-128-gcm', 'clear'), fc.jsonValue()), { maxLength: 10 }),
      fc.jsonValue(),
    ),
    more: fc.jsonValue({ maxDepth: 12 }),
  },
  { requiredKeys: [] },
);

const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** Bytes that were JSON before up to four of them were replaced, or the end was cut off. */
const brokenBody = fc
  .tuple(
    fc.oneof(nearBody, fc.jsonValue({ maxDepth: 10 })),
    fc.array(fc.tuple(position, fc.nat(255)), { maxLength: 4 }),
    fc.option(position),
  )
  .map(([value, changes, end]) => {
    const bytes = Buffer.from(JSON.stringify(value));
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[Math.floor(at * bytes.length)] = byte;
    return Uint8Array.from(end === null ? bytes : bytes.subarray(0, Math.floor(end * bytes.length)));
  });

const body = fc.oneof(
  { weight: 6, arbitrary: brokenBody },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('[', '{"a":', '"\\'), fc.nat(9000))
      .map(([text, count]) => Uint8Array.from(Buffer.from(text.repeat(count)))),
  },
);

/** Tokens near to the right one. */
const token = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.tuple(position, fc.string({ maxLength: 3 })).map(([at, piece]) => {
    const index = Math.floor(at * rightToken.length);
    return rightToken.slice(0, index) + piece + rightToken.slice(index + piece.length);
  }),
  fc
    .tuple(
      fc.record(
        {
          alg: fc.oneof(fc.constantFrom('HS256', 'none', 'RS256', 'EdDSA', 'HS512'), fc.jsonValue()),
          kid: fc.jsonValue(),
          crit: fc.jsonValue(),
          b64: fc.jsonValue(),
          jwk: fc.jsonValue(),
          typ: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      fc.oneof(
        fc.record(
          {
            sub: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
            exp: fc.oneof(fc.double(), fc.jsonValue()),
            nbf: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
        fc.jsonValue(),
      ),
      fc.constantFrom('', 'another key', SECRET),
    )
    .map(([header, payload, key]) => forge(header, payload, key)),
);

const jwtWorld = () =>
  createLoginWorld(
    { limits: { perSecond: 1e9, perSecondPerSource: 1e9, perSecondPerSubject: 1e9 } },
    {
      authenticator: createAuthenticator(
        {
          auth: 'jwt',
          tokens: [],
          jwt: {
            key: { type: 'secret', secret: SECRET },
            algorithms: ['HS256'],
            issuer: null,
            audience: null,
            subjectClaim: 'sub',
            ticketClaims: ['sub', 'exp'],
            clockToleranceMs: 0,
            jwksCacheMs: 600_000,
          },
        },
        { clock: { now: () => 0 }, logger: NO_LOG },
      ),
    },
  );

describe('fuzz: the login', () => {
  it(
    'reads any bytes as a body within its bounds, or says what is wrong in few words',
    () =>
      attack('body', 5000, body, (bytes) => {
        const before = bytes.slice();
        const parsed = parseLoginBody(bytes);
        expect(Buffer.compare(bytes, before)).toBe(0);
        if (!parsed.ok) {
          expect(parsed.error.length).toBeLessThan(200);
          return;
        }
        const { token: found, client, seal } = parsed.body;
        for (const text of [client.version, client.platform]) expect(text ?? '').toMatch(/^\P{C}{0,64}$/u);
        expect(seal?.length ?? 1).toBeLessThanOrEqual(8);
        const again = parseLoginBody(Buffer.from(JSON.stringify({ token: found, client, seal })));
        expect(again).toEqual(parsed);
      }),
    LIMIT_MS,
  );

  it(
    'answers any body and any token, and lets nobody in whose token is not signed',
    async () => {
      const world = jwtWorld();
      let granted = 0;
      await attack(
        'token',
        3000,
        fc.tuple(body, fc.option(token, { nil: undefined })),
        async ([bytes, bearer]) => {
          const result = await world.service.login({
            body: bytes,
            bearer,
            sourceAddress: addressOf('192.0.2.9'),
            host: 'gate.example',
            nowMs: NOW_MS,
          });
          if (isProblem(result)) {
            expect(result.code).not.toBe('internal');
            return;
          }
          granted++;
          const used = bearer ?? (JSON.parse(new TextDecoder().decode(bytes)) as { token: string }).token;
          const [head = '', payload = '', signature = ''] = used.split('.');
          const expected = createHmac('sha256', SECRET).update(`${head}.${payload}`).digest();
          expect(Buffer.from(signature, 'base64url').equals(expected)).toBe(true);
        },
      );
      expect(granted).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  it(
    'understands any Host header as a host that is safe to repeat, or as none',
    () =>
      attack(
        'host',
        5000,
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 300 }),
          fc.webAuthority({ withPort: true, withIPv4: true, withIPv6: true }),
        ),
        (header) => {
          const host = requestHostOf(header);
          if (host !== undefined) expect(host).toMatch(/^(?:[\w.-]{1,254}|[\da-f:.]{2,45})$/i);
        },
      ),
    LIMIT_MS,
  );

  it(
    'answers any HTTP request with a login or a known problem',
    async () => {
      const world = jwtWorld();
      const handle = createLoginHandler(
        {
          allowHttp: false,
          allowedOrigins: ['https://app.example'],
          isTrustedProxy: () => true,
          bodyTimeoutMs: 20,
        },
        { service: world.service, unixTime: () => NOW_MS, logger: world.logger },
      );
      const server = createServer((request, response) => handle(request, response, addressOf('127.0.0.1')));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      try {
        await attack('http', 500, httpRequest, async (text) => {
          const answer = await exchange(port, text);
          const [, status, type, json] =
            /^HTTP\/1\.1 (\d+)[^]*?(?:\r\ncontent-type: (\S+)[^]*?)?\r\n\r\n([^]*)$/i.exec(answer) ?? [];
          // Without a type it is Node that does not take it for HTTP, or the answer to OPTIONS or HEAD.
          if (status === undefined || type === undefined || json === '') return;
          const parsed = JSON.parse(json!.split(/HTTP\/1\.1 /)[0]!) as { code?: string; sessions?: unknown };
          if (status === '200') expect(parsed.sessions).toHaveLength(1);
          else expect(PROBLEM_CODES).toContain(parsed.code);
          expect(status).not.toBe('500');
        });
        expect(world.logger.records.filter(({ level }) => level === 'error')).toEqual([]);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
    LIMIT_MS,
  );

  it('has a problem for each code that is JSON', () => {
    for (const code of PROBLEM_CODES) {
      const problem = { code, status: 400, title: 't', detail: null, retryAfterSeconds: null };
      expect(JSON.parse(problemJson(problem))).toMatchObject({ code });
    }
  });
});

/** A header of text that ends neither its line nor the head. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

const headers = fc.record(
  {
    'Content-Type': fc.oneof(
      fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain'),
      headerText,
    ),
    'Content-Encoding': fc.oneof(fc.constant('identity'), headerText),
    Authorization: fc.oneof(
      fc.constant(`Bearer ${rightToken}`),
      token.map((text) => `Bearer ${text.replace(/[\r\n\0]/g, '')}`),
      headerText,
    ),
    Origin: fc.oneof(fc.constant('https://app.example'), headerText),
    'X-Forwarded-Proto': fc.oneof(fc.constant('https'), headerText),
    Expect: fc.constantFrom('100-continue', 'x'),
  },
  { requiredKeys: [] },
);

/** A request as it stands on the connection, its length right or wrong. */
const httpRequest = fc
  .tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant('POST') },
      fc.constantFrom('OPTIONS', 'GET', 'HEAD', 'PUT', 'DELETE'),
    ),
    fc.oneof(fc.constant('gate.example'), headerText),
    headers,
    body,
    fc.constantFrom('right', 'right', 'right', 'short', 'long', 'chunked', 'none'),
  )
  .map(([method, host, fields, bytes, length]) => {
    const text = Buffer.from(bytes).toString('latin1');
    const framing: Readonly<Record<typeof length, string[]>> = {
      right: [`Content-Length: ${bytes.length}`],
      short: [`Content-Length: ${bytes.length >> 1}`],
      long: [`Content-Length: ${bytes.length + 9}`],
      chunked: ['Transfer-Encoding: chunked'],
      none: [],
    };
    const head = [
      `${method} /api/login HTTP/1.1`,
      `Host: ${host}`,
      'Connection: close',
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
      ...framing[length],
    ].join('\r\n');
    const chunks = `${bytes.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    return `${head}\r\n\r\n${length === 'chunked' && bytes.length > 0 ? chunks : text}`;
  });

/** Everything that comes back before the connection ends. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  let answer = '';
  socket.on('error', () => undefined).on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.write(Buffer.from(text, 'latin1'));
  await once(socket, 'close');
  return answer;
}
