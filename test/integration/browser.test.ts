import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { NO_LOG } from '../../src/base/logger.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { errorsOf, servePages, startChromium, type PageServer } from '../support/chromium.ts';
import { startCuttableProxy, type CuttableProxy } from '../support/cuttable-proxy.ts';
import { peer } from '../support/peers.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/tls.ts';

/** What a page has of the client. */
type Library = typeof import('../../src/client/browser/client.ts');
type PageSession = Awaited<ReturnType<ReturnType<Library['createClient']>['connect']>>;
declare const kcpgate: Library;
declare let session: PageSession;
declare let statuses: string[];
/** Resets the connection of the page. */
declare const cut: () => Promise<void>;

const PAGE = `<!doctype html><title>kcpgate</title>
<script type="module">
  import * as kcpgate from '/kcpgate.js';
  window.kcpgate = kcpgate;
  window.statuses = [];
</script>`;

/** A worker that does with a message what a page would. */
const WORKER = `
import { createClient } from '/kcpgate.js';
self.onmessage = async ({ data: { loginUrl, text } }) => {
  const session = await createClient({ loginUrl }).connect();
  session.send(new TextEncoder().encode(text));
  for await (const message of session) {
    self.postMessage(new TextDecoder().decode(message));
    await session.close();
  }
};`;

const MIB = 1024 * 1024;
const ROOT = join(import.meta.dirname, '../..');

peer('chromium').describe('a page in Chromium', () => {
  let browser: Browser;
  let files: Readonly<Record<string, string | Buffer>>;
  let pages: PageServer;
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    execFileSync(process.execPath, ['tools/build-browser.mjs'], { cwd: ROOT });
    files = {
      '/': PAGE,
      '/worker.js': WORKER,
      '/kcpgate.js': readFileSync(join(ROOT, 'dist/browser/kcpgate.js')),
    };
    pages = await servePages(files);
    browser = await startChromium();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await browser.close();
    await pages.close();
  });

  /** A gateway behind a proxy; pages reach login and line through that. @param more pieces of YAML. */
  async function serve(more: Partial<EchoOptions> = {}): Promise<Served> {
    const proxy = await startCuttableProxy(9);
    closers.push(() => proxy.close());
    const ticketKey = randomBytes(32).toString('base64');
    const served = { proxy, loginUrl: `http://127.0.0.1:${String(proxy.port)}/api/login` };
    const start = async (): Promise<Gateway> => {
      const gateway = await startEcho(proxy, { ticketKey, listener: 'allow_clear: true', ...more });
      closers.push(() => gateway.stop());
      return gateway;
    };
    return { ...served, gateway: await start(), restart: start };
  }

  /** @param host a name of this host: its own origin. */
  async function openPage(host = '127.0.0.1'): Promise<Page> {
    const page = await goTo(`http://${host}:${String(pages.port)}/`);
    await page.waitForFunction(() => 'kcpgate' in globalThis);
    return page;
  }

  async function goTo(address: string): Promise<Page> {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    closers.push(() => page.close());
    const errors = errorsOf(page);
    closers.push(() => {
      expect(errors).toEqual([]);
    });
    await page.goto(address);
    return page;
  }

  /** The page has an open session from then on. */
  async function connect(page: Page, loginUrl: string): Promise<void> {
    await page.evaluate(async (url) => {
      const client = kcpgate.createClient({ loginUrl: url, firstWaitMs: 100 });
      session = await client.connect({ onStatus: (status) => void statuses.push(JSON.stringify(status)) });
    }, loginUrl);
  }

  test(
    'echoes messages of all sizes over a connection that is cut in the middle, again and again: none is lost or comes twice',
    { timeout: 120_000 },
    async () => {
      const { gateway, proxy, loginUrl } = await serve();
      const page = await openPage();
      await page.exposeFunction('cut', () => {
        proxy.cut();
      });
      await connect(page, loginUrl);
      const result = await page.evaluate(echoAll, {
        ...{ cuts: 5, cutEvery: 40, maxBytes: 65_535, maxMessages: 10_000 },
      });
      expect(result).toMatchObject({ cuts: 5, missing: 0, isEqual: true });
      expect(result.bytes).toBeGreaterThan(3 * MIB);
      // Had the last one come twice, it would come now.
      expect(await page.evaluate(echoText, 'fin')).toBe('fin');
      const types = result.statuses.map((text) => (JSON.parse(text) as { type: string }).type);
      expect(types.filter((type) => type === 'pathlost').length).toBeGreaterThanOrEqual(5);
      // What is short in the bundle is nowhere in what a page gets.
      const decisions = result.statuses.flatMap(
        (text) => (JSON.parse(text) as { decision?: object }).decision ?? [],
      );
      for (const key of JSON.stringify(decisions).matchAll(/"([^"]*)":/g))
        expect(key[1]).toMatch(/^[a-z]{2}/);
      // One session all the time.
      expect(types.filter((type) => ['open', 'reconnecting', 'close'].includes(type))).toEqual(['open']);
      expect(await gateway.sessions()).toHaveLength(1);
      const closed = await page.evaluate(() => session.close());
      expect(closed).toMatchObject({ code: 1000 });
    },
  );

  test(
    'goes on over another connection when the one it has is dead and nobody says so',
    { timeout: 60_000 },
    async () => {
      const { gateway, proxy, loginUrl } = await serve();
      const page = await openPage();
      await connect(page, loginUrl);
      expect(await page.evaluate(echoText, 'before')).toBe('before');
      proxy.freeze();
      expect(await page.evaluate(echoText, 'meanwhile')).toBe('meanwhile');
      const types = await page.evaluate(() =>
        statuses.map((text) => (JSON.parse(text) as { type: string }).type),
      );
      expect(types.filter((type) => ['reconnecting', 'close'].includes(type))).toEqual([]);
      expect(types).toContain('moved');
      expect(await gateway.sessions()).toHaveLength(1);
    },
  );

  test('shows code and reason of a kick', async () => {
    const { gateway, loginUrl } = await serve();
    const page = await openPage();
    await connect(page, loginUrl);
    // The gateway has a session when the first datagram behind the handshake came.
    expect(await page.evaluate(echoText, 'hello')).toBe('hello');
    expect(await gateway.kick({}, CloseCode.kicked, 'not on my watch ✓')).toBe(1);
    expect(await page.evaluate(() => session.closed)).toEqual({
      code: 3500,
      reason: 'not on my watch ✓',
      mayReconnect: false,
    });
    const names = await page.evaluate(() => [kcpgate.closeCodeName(3500), kcpgate.CloseCode.kicked]);
    expect(names).toEqual(['kicked', 3500]);
  });

  test('logs in again when the gateway was started anew', { timeout: 60_000 }, async () => {
    const { proxy, loginUrl, restart } = await serve();
    const page = await openPage();
    await connect(page, loginUrl);
    expect(await page.evaluate(echoText, 'before')).toBe('before');
    // As when its process is killed: it tells nobody.
    proxy.refuses = true;
    proxy.cut();
    const gateway = await restart();
    proxy.refuses = false;
    await page.waitForFunction(() => statuses.some((text) => text.includes('"reconnected"')));
    expect(await page.evaluate(echoText, 'after')).toBe('after');
    expect(await gateway.sessions()).toHaveLength(1);
    const reasons = await page.evaluate(() =>
      statuses.filter((text) => text.includes('"reconnecting"')).map((text) => JSON.parse(text) as unknown),
    );
    expect(reasons[0]).toMatchObject({ code: CloseCode.staleSession });
  });

  test('logs in from an origin that may, and not from another', async () => {
    const origins = `["http://127.0.0.1:${String(pages.port)}", "https://app.example"]`;
    const { loginUrl } = await serve({ listener: `allow_clear: true, allowed_origins: ${origins}` });
    const allowed = await openPage();
    await connect(allowed, loginUrl);
    expect(await allowed.evaluate(echoText, 'hello')).toBe('hello');

    const stranger = await openPage('localhost');
    const refused = await stranger.evaluate(async (url) => {
      const code = await kcpgate
        .login({ loginUrl: url })
        .catch((error: unknown) => String(Reflect.get(error as object, 'code')));
      // Nor past the login.
      const line = new URL('/kcp', url.replace('http:', 'ws:'));
      const socket = new WebSocket(line, 'kcpgate.v1');
      const end = await new Promise((resolve) => {
        for (const type of ['open', 'close'] as const) socket.addEventListener(type, () => resolve(type));
      });
      return { code, end };
    }, loginUrl);
    expect(refused).toEqual({ code: 'login_failed', end: 'close' });
  });

  test('goes to another line while messages are on their way', async () => {
    const { gateway, loginUrl } = await serve({
      others: '  - { name: other, type: http, bind: "127.0.0.1:0", allow_clear: true }',
    });
    const page = await openPage();
    await connect(page, loginUrl);
    const lines = await page.evaluate(async () => {
      const first = session.line?.id ?? '';
      const to = session.lines().find(({ line }) => line.id !== first)?.line.id ?? '';
      const received: number[] = [];
      const taking = (async () => {
        for await (const message of session) if (received.push(message.length) === 500) return;
      })();
      let moving: Promise<void> | undefined;
      for (let length = 1; length <= 500; length++) {
        while (session.send(new Uint8Array(length)) === 0) await session.writable();
        if (length === 100) moving = session.moveTo(to);
        if (length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await Promise.all([taking, moving]);
      return { isMoved: session.line?.id === to, received };
    });
    expect(lines).toEqual({ isMoved: true, received: Array.from({ length: 500 }, (_, index) => index + 1) });
    expect(await gateway.sessions()).toHaveLength(1);
    const report = await page.evaluate(async (url) => {
      const { lines: offered, probe } = await kcpgate.login({ loginUrl: url });
      const { best, lines: seen } = await kcpgate.findFastestLine({ lines: offered, probe });
      return { best: best?.transport, faults: seen.map(({ fault }) => fault) };
    }, loginUrl);
    expect(report).toEqual({ best: 'ws', faults: [null, null] });
  });

  test('uses wss on a secure page, where nothing has to be allowed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-browser-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'cert.pem'), TEST_CERTIFICATE);
    writeFileSync(join(folder, 'key.pem'), TEST_KEY);
    const { loginUrl } = await serve({
      listener: `tls: { cert_file: ${folder}/cert.pem, key_file: ${folder}/key.pem }`,
    });
    const secure = await servePages(files, { cert: TEST_CERTIFICATE, key: TEST_KEY });
    closers.push(() => secure.close());
    const page = await goTo(`https://127.0.0.1:${String(secure.port)}/`);
    await page.waitForFunction(() => 'kcpgate' in globalThis);
    await connect(page, loginUrl.replace('http:', 'https:'));
    expect(await page.evaluate(echoText, 'hello')).toBe('hello');
    expect(await page.evaluate(() => session.line?.transport)).toBe('wss');
  });

  test('works in a worker', async () => {
    const { loginUrl } = await serve();
    const page = await openPage();
    const answer = await page.evaluate((url) => {
      const worker = new Worker('/worker.js', { type: 'module' });
      return new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ loginUrl: url, text: 'from a worker' });
      });
    }, loginUrl);
    expect(answer).toBe('from a worker');
  });

  test('the example shows its line, what comes back, and why it was kicked', async () => {
    const { gateway, loginUrl } = await serve();
    const server = spawn(process.execPath, ['examples/browser/serve.mjs', '0'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(server, 'exit');
    closers.push(async () => {
      server.kill('SIGINT');
      await exited;
    });
    const [said] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
    const page = await goTo(/http:\S+/.exec(said)?.[0] ?? '');
    await page.fill('#login', loginUrl);
    await page.click('#connect button');
    await page.getByText('line ws', { exact: true }).waitFor();
    await page.fill('#message', 'hello');
    await page.press('#message', 'Enter');
    await page.getByText('< hello').waitFor();
    expect(await gateway.kick({}, CloseCode.kicked, 'enough')).toBe(1);
    await page.getByText('closed: kicked (3500) enough').waitFor();
  });
});

interface Served {
  readonly proxy: CuttableProxy;
  readonly loginUrl: string;
  readonly gateway: Gateway;
  /** Starts another one with the same keys in its place. */
  restart(): Promise<Gateway>;
}

interface EchoOptions {
  readonly ticketKey: string;
  /** Keys of the listener. */
  readonly listener: string;
  /** Other listeners. */
  readonly others?: string;
}

async function startEcho(
  proxy: CuttableProxy,
  { ticketKey, listener, others = '' }: EchoOptions,
): Promise<Gateway> {
  const loaded = loadConfig({
    text: `
common: { gateway_id: 1, admin_addr: null, drain_timeout: 1s }
listeners:
  - { name: ws, type: http, bind: "127.0.0.1:0", public_address: "127.0.0.1:${String(proxy.port)}", ${listener} }
${others}
login: { auth: none, ticket_keys: [ { id: 1, key: "${ticketKey}" } ] }
`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger: NO_LOG });
  proxy.target = (await gateway.status()).listeners[0]?.address.port ?? 0;
  return gateway;
}

// ---- what runs in the page ----

/** The part of a worker that is used. */
declare class Worker {
  constructor(url: string, options: { type: 'module' });
  onmessage: (event: { data: unknown }) => void;
  onerror: (event: { message: string }) => void;
  postMessage(message: unknown): void;
}

/** One message there and back. */
async function echoText(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  while (session.send(bytes) === 0) await session.writable();
  for await (const message of session) return new TextDecoder().decode(message);
  return 'the session is over';
}

/**
 * Sends messages of all sizes, takes what comes back, and compares. Goes on until there were so many cuts, each when the
 * connection was there again after the one before.
 */
async function echoAll(plan: { cuts: number; cutEvery: number; maxBytes: number; maxMessages: number }) {
  const { maxBytes } = plan;
  /** Sizes from 1 to the most, many of them around what a datagram holds, and bytes that tell which message it is. */
  const make = (number: number): Uint8Array => {
    const lengths = [
      1,
      1 + ((number * 7919) % maxBytes),
      maxBytes,
      1370 + (number % 12),
      (number * 131) % 3000,
    ];
    const bytes = new Uint8Array(Math.max(1, lengths[number % lengths.length] ?? 1));
    let state = (number + 1) * 2654435761;
    for (let at = 0; at < bytes.length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes[at] = state >>> 24;
    }
    return bytes;
  };
  const hashOf = async (parts: Uint8Array[]): Promise<string> => {
    const all = new Uint8Array(await new Blob(parts).arrayBuffer());
    return [...new Uint8Array(await crypto.subtle.digest('SHA-256', all))].join(' ');
  };
  const sent: Uint8Array[] = [];
  const received: Uint8Array[] = [];
  let cuts = 0;
  let nextCutAt = plan.cutEvery;
  const sending = { isDone: false };
  const isHealed = (): boolean => {
    const types = statuses.map((text) => (JSON.parse(text) as { type: string }).type);
    const lost = types.filter((type) => type === 'pathlost').length;
    return lost >= cuts && types.lastIndexOf('moved') >= types.lastIndexOf('pathlost');
  };
  const taking = (async () => {
    for await (const message of session) {
      received.push(message);
      if (cuts < plan.cuts && received.length >= nextCutAt && isHealed()) {
        cuts++;
        nextCutAt = received.length + plan.cutEvery;
        // Nobody waits for it: everything goes on.
        void cut();
      }
      if (sending.isDone && received.length === sent.length) return;
    }
  })();
  while (!sending.isDone) {
    const message = make(sent.length);
    sent.push(message);
    while (session.send(message) === 0) await session.writable();
    sending.isDone = sent.length === plan.maxMessages || (cuts === plan.cuts && isHealed());
  }
  await taking;
  const isSame = received.every((message, number) => message.length === sent[number]?.length);
  return {
    cuts,
    missing: sent.length - received.length,
    isEqual: isSame && (await hashOf(sent)) === (await hashOf(received)),
    bytes: sent.reduce((sum, { length }) => sum + length, 0),
    statuses,
  };
}
