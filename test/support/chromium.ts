import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CHROMIUM } from './peer-detection.ts';

/** Debian's Chromium, without a window, on a profile of its own that goes with it. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    // Its sandbox is not for root.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}

/** Files for a browser. */
export interface PageServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves texts by their paths on loopback; each name of this host is an origin of its own. */
export async function servePages(
  files: Readonly<Record<string, string | Buffer>>,
  tls?: { readonly cert: string; readonly key: string },
): Promise<PageServer> {
  const answer: RequestListener = ({ url = '/' }, response) => {
    const body = files[url];
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': `${type}; charset=utf-8` });
    response.end(body);
  };
  const server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** What went wrong on a page: uncaught errors. Those of the console are of the network, too, which tests break on purpose. */
export function errorsOf(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  return errors;
}
