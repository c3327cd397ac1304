import type { Duplex } from 'node:stream';
import type { KcpStats } from '../../kcp/index.ts';
import { SessionConnection } from '../sdk/session-connection.ts';
import { createSessionStream } from './session-stream.ts';

/**
 * A connection without login, made by `connectStock`: one session over one UDP socket. Use either side of it, not both:
 * {@link stream} for a byte stream, or {@link send} and asynchronous iteration for messages.
 */
export class StockConnection extends SessionConnection {
  #stream: Duplex | undefined;

  /**
   * The connection as a Duplex stream, always the same one. Its end is the peer's FIN; a close other than `normal` destroys
   * it with a GatewayError `session_closed` whose `details` have the code.
   */
  stream(): Duplex {
    return (this.#stream ??= createSessionStream(this));
  }

  stats(): KcpStats {
    return this.session.stats();
  }
}
