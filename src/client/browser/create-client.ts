import type { LineReport } from '../lines/line-report.ts';
import type { LoginAnswer } from '../login-answer.ts';
import { createClient as createClientOn, type Client } from '../sdk/client.ts';
import type { ClientOptions } from '../sdk/client-options.ts';
import { login as loginOnce, type LoginOptions } from '../sdk/login.ts';
import { surveyLines, type SurveyOptions } from '../sdk/survey-lines.ts';
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

/**
 * Finds the fastest of several lines by a few probes, without a session. Those that a page cannot use are not tried.
 * @returns the line to use, all lines with what was seen of them, and why that one.
 * @throws GatewayError `connect_failed` when the signal was aborted, or its reason if that is a GatewayError.
 */
export function findFastestLine(options: SurveyOptions): Promise<LineReport> {
  return surveyLines(createBrowserPlatform(), options);
}
