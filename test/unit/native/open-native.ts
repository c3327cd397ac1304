import { afterEach } from 'vitest';
import type { NativeUdp } from '../../../native-bindings/index.ts';
import type { DatagramSocket, DatagramSocketOptions } from '../../../src/carrier/node/datagram-socket.ts';
import { createNativeSocket } from '../../../src/carrier/node/native-socket.ts';
import { LOOPBACK_V4 } from '../../contract/loopback.ts';

/** Opens native sockets that are closed after each test. */
export function createOpener(
  bindings: NativeUdp,
): (options?: Partial<DatagramSocketOptions>) => DatagramSocket {
  const opened: DatagramSocket[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((socket) => socket.close()));
  });
  return (options = {}) => {
    const socket = createNativeSocket({ bind: LOOPBACK_V4, ...options }, bindings);
    opened.push(socket);
    return socket;
  };
}
