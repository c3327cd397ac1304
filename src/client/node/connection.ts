import type { Duplex } from 'node:stream';
import { Connection as SdkConnection } from '../sdk/connection.ts';
import { createSessionStream } from './session-stream.ts';

/**
 * A connection that logged in, in Node: also a Duplex. Use either side of it, not both: {@link stream} for a byte stream, or
 * {@link send} and asynchronous iteration for messages.
 */
export class Connection extends SdkConnection {
  #stream: Duplex | undefined;

  /**
   * The connection as a Duplex stream, always the same one. Its end is the peer's FIN; a close other than `normal` destroys
   * it with a GatewayError `session_closed` whose `details` have the code.
   */
  stream(): Duplex {
    return (this.#stream ??= createSessionStream(this));
  }
}
