import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { WebSocket } from 'ws';

/** A line to a gateway on loopback that sends whatever it is given, each as one datagram. */
export interface RawLine {
  send(datagram: Uint8Array): void;
  /** The next datagram that came and was not taken yet. Rejects when none comes in time. */
  receive(timeoutMs?: number): Promise<Buffer>;
  close(): void;
}

/** What came and nobody took, and who waits for more. */
class Inbox {
  readonly #arrived: Buffer[] = [];
  #waiting: ((datagram: Buffer) => void) | undefined;

  put(datagram: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#arrived.push(datagram);
    else waiting(datagram);
  }

  take(timeoutMs = 20_000): Promise<Buffer> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error('nothing came'));
      }, timeoutMs);
      this.#waiting = (datagram) => {
        clearTimeout(timer);
        resolve(datagram);
      };
    });
  }
}

export async function openRawUdp(port: number): Promise<RawLine> {
  const socket = createSocket('udp4');
  const inbox = new Inbox();
  socket.on('message', (datagram) => {
    inbox.put(datagram);
  });
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return {
    send: (datagram) => {
      socket.send(datagram);
    },
    receive: (timeoutMs) => inbox.take(timeoutMs),
    close: () => socket.close(),
  };
}

/** @returns besides, the socket: what is written to it is no frame unless it is made one. */
export async function openRawTcp(port: number): Promise<RawLine & { readonly socket: Socket }> {
  const socket = connectTcp(port, '127.0.0.1');
  const inbox = new Inbox();
  let rest = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      inbox.put(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return {
    socket,
    send: (datagram) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(datagram.length);
      socket.write(Buffer.concat([length, datagram]));
    },
    receive: (timeoutMs) => inbox.take(timeoutMs),
    close: () => socket.destroy(),
  };
}

/** @returns besides, the WebSocket. */
export async function openRawWebSocket(port: number): Promise<RawLine & { readonly webSocket: WebSocket }> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${String(port)}/kcp`, 'kcpgate.v1');
  const inbox = new Inbox();
  webSocket.on('message', (data) => {
    inbox.put(data as Buffer);
  });
  webSocket.on('error', () => undefined);
  await once(webSocket, 'open');
  return {
    webSocket,
    send: (datagram) => {
      webSocket.send(datagram);
    },
    receive: (timeoutMs) => inbox.take(timeoutMs),
    close: () => {
      webSocket.terminate();
    },
  };
}
