import { describe, expect, it } from 'vitest';
import { AddressTable } from '../../../../src/carrier/node/address-table.ts';
import {
  DgramSender,
  QUEUED_DATAGRAM_OVERHEAD_BYTES,
  type SendingSocket,
} from '../../../../src/carrier/node/dgram-sender.ts';

describe('DgramSender', () => {
  it('gives the memory back when the system took everything', () => {
    const { sender, socket, batch } = setUp();
    expect(sender.sendBatch(...batch(3, 100))).toBe(true);
    expect(socket.sent).toHaveLength(3);
    expect(sender).toMatchObject({ sentDatagrams: 3, sentBytes: 300, drops: 0 });
  });

  it('says that the memory is still read when the system could not take everything', () => {
    const { sender, socket, batch } = setUp();
    socket.acceptsBeforeQueueing = 2;
    expect(sender.sendBatch(...batch(3, 100))).toBe(false);
    expect(socket.queue).toHaveLength(1);
  });

  it('copies datagrams that go behind a queue, so that the queue never holds whole arenas', () => {
    const { sender, socket, batch } = setUp();
    socket.acceptsBeforeQueueing = 0;
    expect(sender.sendBatch(...batch(1, 100))).toBe(false);
    const [bytes, descriptors, count] = batch(2, 100);
    bytes.fill(7);
    expect(sender.sendBatch(bytes, descriptors, count)).toBe(true);
    bytes.fill(9);
    expect(socket.queue.slice(1).map((datagram) => [datagram[0], datagram.buffer.byteLength])).toEqual([
      [7, 100],
      [7, 100],
    ]);
  });

  it('bounds the queue, counts what it drops, and goes on when the queue is gone', () => {
    const room = 4 * (100 + QUEUED_DATAGRAM_OVERHEAD_BYTES);
    const { sender, socket, batch } = setUp({ maxQueueBytes: room });
    socket.acceptsBeforeQueueing = 0;
    sender.sendBatch(...batch(1, 100));
    for (let i = 0; i < 1000; i++) sender.sendBatch(...batch(2, 100));
    expect(socket.queue).toHaveLength(4);
    expect(sender.drops).toBe(2001 - 4);
    expect(sender.sentDatagrams).toBe(4);

    socket.queue.length = 0;
    socket.acceptsBeforeQueueing = Infinity;
    expect(sender.sendBatch(...batch(2, 100))).toBe(true);
    expect(sender.sentDatagrams).toBe(6);
  });

  it('asks for a completion of the first datagram of a batch only', () => {
    const { sender, socket, batch, errors } = setUp();
    sender.sendBatch(...batch(5, 10));
    expect(socket.callbacks).toHaveLength(1);
    socket.callbacks[0]?.(null);
    expect(errors).toEqual([]);
    const failure = new Error('network unreachable');
    socket.callbacks[0]?.(failure);
    expect(errors).toEqual([failure]);
  });
});

type Callback = (error: Error | null) => void;

/** Takes some datagrams at once and queues the others, as libuv does when the kernel's buffer is full. */
class FakeSocket implements SendingSocket {
  acceptsBeforeQueueing = Infinity;
  readonly sent: Uint8Array[] = [];
  readonly queue: Uint8Array[] = [];
  readonly callbacks: Callback[] = [];

  send(datagram: Uint8Array, ...rest: unknown[]): void {
    const accepted = this.queue.length === 0 && this.sent.length < this.acceptsBeforeQueueing;
    (accepted ? this.sent : this.queue).push(datagram);
    const callback = rest.find((argument) => typeof argument === 'function');
    if (callback !== undefined) this.callbacks.push(callback as Callback);
  }

  getSendQueueSize(): number {
    return this.queue.reduce((sum, { length }) => sum + length, 0);
  }

  getSendQueueCount(): number {
    return this.queue.length;
  }
}

interface SetUp {
  readonly sender: DgramSender;
  readonly socket: FakeSocket;
  readonly errors: Error[];
  readonly batch: (count: number, length: number) => [Uint8Array, Int32Array, number];
}

function setUp({ maxQueueBytes = 1_000_000 } = {}): SetUp {
  const socket = new FakeSocket();
  const addresses = new AddressTable();
  const slot = addresses.intern('192.0.2.1', 4000);
  const errors: Error[] = [];
  const sender = new DgramSender({
    socket,
    addresses,
    connectedSlot: -1,
    maxDatagramBytes: 2048,
    maxQueueBytes,
    onError: (error) => errors.push(error),
  });
  const batch = (count: number, length: number): [Uint8Array, Int32Array, number] => {
    const descriptors = new Int32Array(count * 3);
    for (let i = 0; i < count; i++) descriptors.set([i * length, length, slot], i * 3);
    return [new Uint8Array(count * length), descriptors, count];
  };
  return { sender, socket, errors, batch };
}
