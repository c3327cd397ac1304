import { GatewayError } from '../../base/errors.ts';
import { parseLoginAnswer, type LoginAnswer } from '../login-answer.ts';
import { checkSessionOptions } from '../sdk/check-session-options.ts';
import { openSession } from '../sdk/open-session.ts';
import type { ConnectOptions } from './connect-options.ts';
import { Connection } from './connection.ts';
import { login } from '../sdk/login.ts';
import { checkPlatformOptions, createNodePlatform } from './node-platform.ts';

/**
 * Logs in, or takes the credentials of a former login, and opens a session on whichever line leads to its gateway first.
 *
 * After a close that allows it (`mayReconnect`) connect again, after a random wait so that not all come at once: with the
 * `login` of the old connection as `credentials` while its ticket holds, for one after `stale_session` when the gateway was
 * restarted; after `ticket_expired` log in anew. A session that is open elsewhere with the same credentials is closed with
 * `replaced`.
 *
 * @returns the connection, once the gateway has answered. It has to be closed or destroyed.
 * @throws GatewayError what {@link login} throws; `config_invalid` (which option, and what it must be); `io_failed` (the key log); `no_line`; `connect_failed` and `connect_timeout` (the
 *   line, or nobody answered there); `session_closed` when the gateway refused: `details` have `code`, `reason` and
 *   `mayReconnect`.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  checkSessionOptions(options);
  checkPlatformOptions(options);
  const answer = options.credentials === undefined ? await login(options) : checked(options.credentials);
  const { tls, socketBufferBytes, keyLogFile, qlog, logger } = options;
  const platform = createNodePlatform({
    ...(tls === undefined ? {} : { tls }),
    ...(socketBufferBytes === undefined ? {} : { socketBufferBytes }),
    ...(keyLogFile === undefined ? {} : { keyLogFile }),
    ...(qlog === undefined ? {} : { qlog }),
    ...(logger === undefined ? {} : { logger }),
  });
  return openSession(platform, answer, options, (parts) => new Connection(parts));
}

function checked(credentials: LoginAnswer): LoginAnswer {
  const parsed = parseLoginAnswer(credentials);
  if (parsed.ok) return parsed.answer;
  throw new GatewayError('config_invalid', `credentials: ${parsed.error}`);
}
