import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
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

const MIB = 1024 * 1024;
const ROOT = join(import.meta.dirname, '../..');

peer('chromium').describe('a page in Chromium', () => {
  let browser: Browser;
  let pages: PageServer;
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    execFileSync(process.execPath, ['tools/build-browser.mjs'], { cwd: ROOT });
    pages = await servePages({
      '/': PAGE,
      '/kcpgate.js': readFileSync(join(ROOT, 'dist/browser/kcpgate.js')),
    });
    browser = await startChromium();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await browser.close();
    await pages.close();
  });

  /** A gateway behind a proxy; pages reach login and line through that. */
  async function serve(more = ''): Promise<Served> {
    const proxy = await startCuttableProxy(9);
    closers.push(() => proxy.close());
    const ticketKey = randomBytes(32).toString('base64');
    const served = { proxy, loginUrl: `http://127.0.0.1:${String(proxy.port)}/api/login` };
    const start = async (): Promise<Gateway> => {
      const gateway = await startEcho(proxy, ticketKey, more);
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
    const page = await browser.newPage();
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

  test('shows code and reason of a kick', async () => {
    const { gateway, loginUrl } = await serve();
    const page = await openPage();
    await connect(page, loginUrl);
    await gateway.kick({}, CloseCode.kicked, 'not on my watch ✓');
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
    const { loginUrl } = await serve(
      `allowed_origins: ["http://127.0.0.1:${String(pages.port)}", "https://app.example"]`,
    );
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
    await gateway.kick({}, CloseCode.kicked, 'enough');
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

async function startEcho(proxy: CuttableProxy, ticketKey: string, more: string): Promise<Gateway> {
  const loaded = loadConfig({
    text: `
common: { gateway_id: 1, admin_addr: null, drain_timeout: 1s }
listeners:
  - { name: ws, type: http, bind: "127.0.0.1:0", allow_clear: true, public_address: "127.0.0.1:${String(proxy.port)}", ${more} }
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
