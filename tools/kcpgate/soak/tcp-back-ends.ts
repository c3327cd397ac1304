import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The TCP servers behind the gateway, in this process. */
export interface TcpBackEnds {
  /** Sends everything back, end included. */
  readonly echoPort: number;
  /** Takes a little and resets. */
  readonly breakingPort: number;
  close(): void;
}

export async function startTcpBackEnds(): Promise<TcpBackEnds> {
  const echo = await listen((socket) => socket.pipe(socket));
  const breaking = await listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
  return {
    echoPort: (echo.address() as AddressInfo).port,
    breakingPort: (breaking.address() as AddressInfo).port,
    close() {
      echo.close();
      breaking.close();
    },
  };
}

async function listen(serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
