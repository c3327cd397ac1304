import type { LoginAnswer } from '../login-answer.ts';
import { createClient as createClientOn, type Client } from '../sdk/client.ts';
import type { ClientOptions } from '../sdk/client-options.ts';
import { login as loginOnce, type LoginOptions } from '../sdk/login.ts';
import { createBrowserPlatform } from './browser-platform.ts';

/**
 * Makes a client for a page or a worker. It asks for sessions without seal and uses WebSocket lines only: `wss:`, whose TLS protects
 * what goes over them, and `ws:` where the page itself is not secure. Nothing happens before its `connect`.
 * @throws GatewayError `config_invalid`: which option, and what it must be.
 */
export function createClient(options: ClientOptions): Client {
  const { fetch, logger } = options;
  const platform = createBrowserPlatform({
    ...(fetch === undefined ? {} : { fetch }),
    ...(logger === undefined ? {} : { logger }),
  });
  return createClientOn(platform, options);
}

/**
 * Logs in with one request, without opening a session: to see which lines there are, or whether a token is good.
 * @throws GatewayError `config_invalid`, `login_failed`, `login_refused`, `connect_failed`.
 */
export function login(options: LoginOptions): Promise<LoginAnswer> {
  return loginOnce({ seal: ['clear'], ...options });
}
