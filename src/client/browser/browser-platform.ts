import { NO_LOG, type Logger } from '../../base/logger.ts';
import { ClearEndpoint } from '../sdk/clear-endpoint.ts';
import type { ClientPlatform } from '../sdk/client-platform.ts';
import { CLEAR_CRYPTO } from './clear-crypto.ts';
import { createLater } from './later.ts';
import type { WebSocketConstructor } from './web-socket.ts';
import { connectWs } from './ws-carrier.ts';

/** What can be set of the platform of a page or worker. */
export interface BrowserPlatformOptions {
  /** Connects lines. Default: the global `WebSocket`. */
  readonly WebSocket?: WebSocketConstructor;
  /** Sends logins. Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Where carriers log. Default: nowhere. */
  readonly logger?: Logger;
}

/** A page, or a worker of one, as a client needs it: WebSocket lines, and no seal but that of the line. */
export function createBrowserPlatform(options: BrowserPlatformOptions = {}): ClientPlatform {
  const later = createLater();
  const clock = { now: () => Math.floor(performance.now()) };
  const { logger = NO_LOG } = options;
  return {
    clock,
    wallClock: { now: () => Date.now() },
    random: () => new DataView(CLEAR_CRYPTO.randomBytes(4).buffer).getUint32(0) / 2 ** 32,
    // A page that is secure itself may not use lines that are not.
    transports:
      (globalThis.location as Location | undefined)?.protocol === 'https:' ? ['wss'] : ['wss', 'ws'],
    seals: ['clear'],
    fetch: options.fetch ?? ((...request) => fetch(...request)),
    resolve: () => Promise.resolve([undefined]),
    openLine: async ({ transport, host, port, path }, { maxDatagramBytes, timeoutMs, signal }) => {
      const url = `${transport}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
      const { WebSocket: Socket = WebSocket } = options;
      const carrier = await connectWs({
        ...{ url, later, maxDatagramBytes, timeoutMs, signal, logger },
        WebSocket: Socket,
      });
      carrier.retain(0);
      return { carrier, slot: 0 };
    },
    createEndpoint: (config) => new ClearEndpoint({ clock, crypto: CLEAR_CRYPTO, later }, config),
    onNetworkChange,
    throwLater: (error) => {
      queueMicrotask(() => {
        throw error;
      });
    },
  };
}

/** The device is online again, or the page is looked at again: after a sleep connections may be dead that nobody closed. */
function onNetworkChange(listener: () => void): () => void {
  const page = globalThis.document as Document | undefined;
  const onVisible = (): void => {
    if (page?.visibilityState === 'visible') listener();
  };
  globalThis.addEventListener('online', listener);
  globalThis.addEventListener('offline', listener);
  page?.addEventListener('visibilitychange', onVisible);
  return () => {
    globalThis.removeEventListener('online', listener);
    globalThis.removeEventListener('offline', listener);
    page?.removeEventListener('visibilitychange', onVisible);
  };
}
