import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server with a key set, as an identity provider has one. */
export interface KeySetServer {
  readonly url: string;
  /** Requests so far. */
  readonly requests: () => number;
  /** What it answers from now on: a key set, or anything a listener does. */
  answer(what: object | RequestListener): void;
  close(): Promise<void>;
}

export async function startKeySetServer(): Promise<KeySetServer> {
  let requests = 0;
  let listener: RequestListener = (_, response) => response.writeHead(404).end();
  const server: Server = createServer((request, response) => {
    requests++;
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/keys`,
    requests: () => requests,
    answer: (what) => {
      listener =
        typeof what === 'function'
          ? (what as RequestListener)
          : (_, response) => response.end(JSON.stringify(what));
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
