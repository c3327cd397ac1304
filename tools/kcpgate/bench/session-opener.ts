import type { SessionPort, Sink } from '../../../src/base/sink.ts';
import type { Endpoint } from '../../../src/endpoint/index.ts';

/** One socket or connection of a client, which opens sessions on it. */
export interface SessionOpener {
  readonly endpoint: Endpoint;
  /** Opens one more session. @param stream bytes as one stream (true) or messages. */
  connect(stream: boolean, bind: (port: SessionPort) => Sink): void;
}
