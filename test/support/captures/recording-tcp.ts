import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { FlowEnd } from '../../../tools/kcpgate/inspect/found-datagram.ts';
import type { CaptureRecorder } from './capture-recorder.ts';

export interface RecordingTcpOptions {
  readonly recorder: CaptureRecorder;
  /** How clients and the server look in the capture; ports of clients are those they have. */
  readonly client: FlowEnd;
  readonly server: FlowEnd;
  /** Sent first on each connection: the header of a proxy. */
  readonly header?: Uint8Array;
}

/** A TCP proxy on loopback that writes down what passes. */
export interface RecordingTcp {
  readonly port: number;
  /** The port of 127.0.0.1 behind it. */
  target: number;
  close(): Promise<void>;
}

export async function startRecordingTcp(options: RecordingTcpOptions): Promise<RecordingTcp> {
  const { recorder, client, server, header } = options;
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    const other = connect(proxy.target, '127.0.0.1');
    const stream = recorder.stream({ address: client.address, port: socket.remotePort ?? 0 }, server);
    if (header !== undefined) {
      stream.sent(true, header);
      other.write(header);
    }
    for (const [one, peer, fromClient] of [
      [socket, other, true],
      [other, socket, false],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => undefined);
      one.on('data', (bytes: Buffer) => {
        stream.sent(fromClient, bytes);
        peer.write(bytes);
      });
      one.once('end', () => {
        stream.ended(fromClient);
        peer.end();
      });
      one.once('close', () => {
        sockets.delete(one);
        peer.destroy();
      });
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const proxy: RecordingTcp = {
    port: (listener.address() as AddressInfo).port,
    target: 0,
    close: async () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
      if (listener.listening) await once(listener, 'close');
    },
  };
  return proxy;
}
