import { Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { ConnectionCarrier } from '../../../../src/carrier/node/connection-carrier.ts';
import { resolveConnectionConfig } from '../../../../src/carrier/node/connection-options.ts';
import { StreamBatch } from '../../../../src/carrier/node/stream-batch.ts';
import { TcpConnection } from '../../../../src/carrier/node/tcp-connection.ts';
import type { ReceiveBatch } from '../../../../src/carrier/carrier.ts';
import { untilTrue } from '../../../contract/loopback.ts';
import { datagramsOf } from '../../../contract/received.ts';

const PEER = { address: '192.0.2.1', family: 4, port: 1 } as const;

interface Reader {
  readonly carrier: ConnectionCarrier;
  readonly batches: Uint8Array[][];
  /** Whether more was waiting, of each batch. */
  readonly waiting: boolean[];
  receive(chunk: Uint8Array): void;
}

const opened: Socket[] = [];

afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** A connection that reads what the test says. */
function reader(
  options: { maxDatagramBytes?: number; maxBatch?: number } = {},
  onBatch?: (batch: ReceiveBatch, carrier: ConnectionCarrier) => void,
): Reader {
  const config = resolveConnectionConfig({ maxDatagramBytes: 300, ...options });
  const carrier = new ConnectionCarrier(
    {
      kind: 'tcp',
      localAddress: PEER,
      headBytes: 2,
      minDatagramBytes: 1,
      maxSlots: 1,
      confirmTimeoutMs: 0,
      closeCode: CloseCode.normal,
      stopAccepting: () => Promise.resolve(),
      left: () => undefined,
    },
    config,
  );
  const socket = new Socket();
  opened.push(socket);
  carrier.open(new TcpConnection(carrier, socket, new StreamBatch(config.maxBatch), true), PEER);
  const batches: Uint8Array[][] = [];
  const waiting: boolean[] = [];
  carrier.start((batch) => {
    batches.push(datagramsOf(batch).map(({ bytes }) => bytes));
    waiting.push(batch.moreWaiting);
    onBatch?.(batch, carrier);
  });
  return { carrier, batches, waiting, receive: (chunk) => socket.emit('data', Buffer.from(chunk)) };
}

const frame = (datagram: Uint8Array): Uint8Array =>
  Uint8Array.of(datagram.length >> 8, datagram.length & 255, ...datagram);
const stream = (datagrams: readonly Uint8Array[]): Uint8Array => Buffer.concat(datagrams.map(frame));
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('TcpConnection', () => {
  it('finds the same datagrams however the stream is cut', () => {
    const datagrams = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 12 });
    const property = fc.property(datagrams, fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
      const { batches, receive, carrier } = reader();
      const bytes = stream(sent);
      const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
      let from = 0;
      for (const to of [...ends, bytes.length]) {
        if (to > from) receive(bytes.subarray(from, to));
        from = to;
      }
      expect(batches.flat().map((each) => [...each])).toEqual(sent.map((each) => [...each]));
      expect(carrier.stats()).toMatchObject({
        receivedDatagrams: sent.length,
        receivedBytes: sent.reduce((sum, { length }) => sum + length, 0),
        receiveBatches: batches.length,
      });
      opened.splice(0).forEach((socket) => socket.destroy());
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('finds them in single bytes', () => {
    const { batches, receive } = reader();
    const sent = [filled(1, 1), filled(300, 2), filled(7, 3)];
    for (const byte of stream(sent)) receive(Uint8Array.of(byte));
    expect(batches).toEqual(sent.map((datagram) => [datagram]));
  });

  it('delivers all whole frames of a chunk in one batch, where they stand in it', () => {
    let inPlace = false;
    const { batches, waiting, receive } = reader({}, ({ bytes, view, meta }) => {
      inPlace = bytes.length === 14 && meta[0] === 2 && view.getUint8(2) === 1;
    });
    receive(stream([filled(3, 1), filled(2, 2), filled(3, 3)]));
    expect(batches.map((batch) => batch.map(({ length }) => length))).toEqual([[3, 2, 3]]);
    expect([inPlace, waiting[0]]).toEqual([true, false]);
  });

  it('delivers a frame that came in pieces in one batch with what follows it', () => {
    const { batches, receive } = reader();
    const bytes = stream([filled(100, 1), filled(100, 2), filled(100, 3), filled(7, 4), filled(9, 5)]);
    receive(bytes.subarray(0, 150));
    receive(bytes.subarray(150, 308));
    receive(bytes.subarray(308, 309));
    receive(bytes.subarray(309));
    expect(batches).toEqual([
      [filled(100, 1)],
      [filled(100, 2), filled(100, 3)],
      [filled(7, 4), filled(9, 5)],
    ]);
  });

  it('says that more waits when it read as much as it could', () => {
    const { waiting, receive } = reader({ maxDatagramBytes: 65_507 });
    receive(frame(filled(65_507, 1)));
    receive(stream([filled(32_766, 1), filled(32_766, 2)]));
    receive(frame(filled(1, 1)));
    expect(waiting).toEqual([false, true, false]);
  });

  it('delivers in several batches what does not fit one', () => {
    const { batches, waiting, receive } = reader({ maxBatch: 4 });
    receive(stream(Array.from({ length: 10 }, (_, i) => filled(1, i))));
    expect(batches.map((batch) => batch.map((each) => each[0]))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(waiting).toEqual([true, true, false]);
  });

  it.each([
    ['frame_empty', Uint8Array.of(0, 0, 1)],
    ['frame_oversize', Uint8Array.of(1, 45, 1)],
  ] as const)('%s ends it after what came before', (reason, bytes) => {
    const { batches, carrier, receive } = reader();
    receive(Buffer.concat([frame(filled(3, 1)), bytes, frame(filled(3, 2))]));
    receive(frame(filled(3, 3)));
    expect(batches).toEqual([[filled(3, 1)]]);
    return untilTrue(() => carrier.stats().connections?.closed[reason] === 1);
  });

  it.each([false, true])('delivers nothing after the user let go, while it still sends: %s', (sends) => {
    const { batches, receive } = reader({ maxBatch: 1 }, (_batch, carrier) => {
      if (sends) {
        carrier.arena.reserve(1);
        carrier.arena.commit(1);
      }
      carrier.connections.disconnect(0, CloseCode.normal, '');
    });
    receive(stream([filled(3, 1), filled(3, 2)]));
    receive(frame(filled(3, 3)));
    expect(batches).toEqual([[filled(3, 1)]]);
  });

  it('delivers nothing after the carrier was closed', () => {
    const { batches, receive } = reader({ maxBatch: 1 }, (_batch, carrier) => {
      void carrier.close();
    });
    receive(stream([filled(3, 1), filled(3, 2)]));
    expect(batches).toEqual([[filled(3, 1)]]);
  });
});
