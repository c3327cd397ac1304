import type { SocketAddress } from '../../src/base/address.ts';
import type { DatagramSocket } from '../../src/carrier/node/datagram-socket.ts';
import { datagramsOf } from './received.ts';

export interface Received {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly slot: number;
  readonly from: SocketAddress;
  readonly ecn: number;
  readonly glued: boolean;
}

/** Starts a socket and keeps copies of what it delivers. */
export function collect(socket: DatagramSocket): Received[] {
  const received: Received[] = [];
  socket.start((batch) => {
    for (const datagram of datagramsOf(batch)) {
      const text = new TextDecoder().decode(datagram.bytes);
      received.push({ ...datagram, text, from: socket.addressOf(datagram.slot) });
    }
  });
  return received;
}

/** Sends a batch of ASCII datagrams to one slot. */
export function send(socket: DatagramSocket, slot: number, ...texts: string[]): boolean {
  return sendAll(
    socket,
    texts.map((text) => [slot, new TextEncoder().encode(text)]),
  );
}

/** Sends a batch of (slot, datagram) pairs, which stand one after the other in memory as in a send arena. */
export function sendAll(
  socket: DatagramSocket,
  datagrams: readonly (readonly [number, Uint8Array])[],
): boolean {
  const bytes = new Uint8Array(datagrams.reduce((sum, [, datagram]) => sum + datagram.length, 0));
  const descriptors = new Int32Array(datagrams.length * 3);
  let offset = 0;
  for (const [i, [slot, datagram]] of datagrams.entries()) {
    bytes.set(datagram, offset);
    descriptors.set([offset, datagram.length, slot], i * 3);
    offset += datagram.length;
  }
  return socket.sendBatch(bytes, descriptors, datagrams.length);
}
