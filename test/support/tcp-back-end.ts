import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP server in this process, on a free loopback port. */
export interface TcpBackEnd {
  readonly port: number;
  /** Resets what is open and stops listening. */
  close(): Promise<void>;
}

/** Starts a back end; `onConnection` serves each connection. Errors of connections are ignored. */
export async function startTcpBackEnd(onConnection: (socket: Socket) => void): Promise<TcpBackEnd> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
