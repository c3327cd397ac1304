import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy on loopback whose connections a test can cut. */
export interface CuttableProxy {
  readonly port: number;
  /** The port of 127.0.0.1 behind it; counts for connections that come. */
  target: number;
  /** Connections there were so far. */
  readonly accepted: number;
  /** Resets every connection, at once. */
  cut(): void;
  /** Nothing passes on the connections there are any more, and nobody is told. */
  freeze(): void;
  /** Resets every connection that comes, until it is false again. */
  refuses: boolean;
  close(): Promise<void>;
}

/** In front of a port of 127.0.0.1. */
export async function startCuttableProxy(target: number): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    if (proxy.refuses) {
      socket.resetAndDestroy();
      return;
    }
    proxy.accepted++;
    const other = connect(proxy.target, '127.0.0.1');
    for (const [one, peer] of [
      [socket, other],
      [other, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.once('close', () => {
        sockets.delete(one);
        peer.destroy();
      });
      one.pipe(peer);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = {
    port: (server.address() as AddressInfo).port,
    target,
    accepted: 0,
    refuses: false,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
  return proxy;
}
