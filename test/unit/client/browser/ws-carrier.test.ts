import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { connectWs, WsCarrier, type WsCarrierOptions } from '../../../../src/client/browser/ws-carrier.ts';
import type { WebSocketConstructor } from '../../../../src/client/browser/web-socket.ts';
import { datagramsOf } from '../../../contract/received.ts';
import { FakeWebSocket } from './fake-web-socket.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('connecting', () => {
  const sockets: FakeWebSocket[] = [];
  class Recorded extends FakeWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const connect = (more: Partial<Parameters<typeof connectWs>[0]> = {}): Promise<WsCarrier> =>
    connectWs({ url: 'wss://gw.example/kcp', WebSocket: Recorded, later: queueMicrotask, ...more });
  beforeEach(() => {
    sockets.length = 0;
  });

  test('asks for the subprotocol, and for bytes instead of a Blob', async () => {
    const connecting = connect();
    const [socket] = sockets;
    expect(socket).toMatchObject({
      url: 'wss://gw.example/kcp',
      protocols: ['kcpgate.v1'],
      binaryType: 'arraybuffer',
    });
    socket!.open();
    await expect(connecting).resolves.toBeInstanceOf(WsCarrier);
  });

  test('takes no server that does not speak the subprotocol', async () => {
    const connecting = expect(connect()).rejects.toMatchObject({ code: 'connect_failed' });
    sockets[0]!.protocol = '';
    sockets[0]!.open();
    await connecting;
    expect(sockets[0]!.closes).toHaveLength(1);
  });

  test('fails when it breaks, takes too long, is given up, or may not be made', async () => {
    const broken = expect(connect()).rejects.toMatchObject({ code: 'connect_failed' });
    sockets[0]!.break();
    await broken;

    const late = expect(connect({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'connect_timeout' });
    await vi.advanceTimersByTimeAsync(300);
    await late;
    expect(sockets[1]!.closes).toHaveLength(1);

    const own = new AbortController();
    const aborted = expect(connect({ signal: own.signal })).rejects.toMatchObject({ code: 'connect_failed' });
    own.abort();
    await aborted;
    expect(sockets[2]!.closes).toHaveLength(1);

    const forbidden = function (): void {
      throw new Error('SecurityError');
    } as unknown as WebSocketConstructor;
    await expect(connect({ WebSocket: forbidden })).rejects.toMatchObject({ code: 'connect_failed' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('tells of a connection that went before anybody listened', async () => {
    const connecting = connect();
    sockets[0]!.open();
    sockets[0]!.end();
    const carrier = await connecting;
    const disconnected = vi.fn();
    carrier.start(() => undefined, { disconnected });
    expect(disconnected).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(0);
    expect(disconnected.mock.calls).toEqual([[0]]);
  });
});

describe('receiving', () => {
  test('gathers what comes before its turn into one batch', () => {
    const { socket, batches, runLater } = openCarrier();
    for (const byte of [1, 2, 3]) socket.receive(Uint8Array.of(byte).buffer);
    expect(batches).toEqual([]);
    runLater();
    expect(batches).toEqual([[[1], [2], [3]]]);
  });

  test('hands over early what does not fit, and says that there is more', () => {
    const { socket, carrier, runLater } = openCarrier({ maxBatch: 2 }, false);
    const more: boolean[] = [];
    carrier.start(({ moreWaiting, count }) => {
      more.push(moreWaiting);
      expect(count).toBeLessThanOrEqual(2);
    });
    for (const byte of [1, 2, 3, 4, 5]) socket.receive(Uint8Array.of(byte).buffer);
    runLater();
    expect(more).toEqual([true, true, false]);
  });

  test('holds a bounded amount before it is started', () => {
    const { socket, carrier, batches, runLater } = openCarrier({ maxBatch: 3 }, false);
    for (let i = 0; i < 1000; i++) socket.receive(Uint8Array.of(i & 255).buffer);
    expect(carrier.stats().receiveDrops).toBe(997);
    startInto(carrier, batches);
    runLater();
    expect(batches).toEqual([[[0], [1], [2]]]);
  });

  test.each([
    ['a text', 'no bytes', 'text_message'],
    ['a datagram that is too long', new ArrayBuffer(101), 'frame_oversize'],
  ] as const)('ends with %s; what came before is delivered', (_, data, reason) => {
    const { socket, carrier, batches, gone, runLater } = openCarrier({ maxDatagramBytes: 100 });
    socket.receive(Uint8Array.of(7).buffer);
    socket.receive(data);
    socket.receive(Uint8Array.of(8).buffer);
    expect(socket.closes).toEqual([{ code: CloseCode.protocolError, reason }]);
    expect(gone).toEqual([]);
    socket.end();
    runLater();
    expect(batches).toEqual([[[7]]]);
    expect(gone).toEqual([0]);
    expect(carrier.stats().connections?.closed[reason]).toBe(1);
  });
});

describe('sending', () => {
  test('looks at what is queued only while that is much, and tells when there is room', () => {
    const { socket, carrier, writable } = openCarrier({ highWaterBytes: 1000 });
    write(carrier, new Uint8Array(1000));
    expect(vi.getTimerCount()).toBe(0);
    write(carrier, new Uint8Array(1));
    expect(carrier.connections.queuedBytes(0)).toBe(1001);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    socket.bufferedAmount = 500;
    vi.advanceTimersByTime(1000);
    expect(writable).toEqual([]);
    socket.bufferedAmount = 499;
    vi.advanceTimersByTime(100);
    expect(writable).toEqual([0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('looks when something comes, too: timers of a hidden page are slow', () => {
    const { socket, carrier, writable, runLater } = openCarrier({ highWaterBytes: 1000 });
    write(carrier, new Uint8Array(1500));
    socket.bufferedAmount = 0;
    socket.receive(Uint8Array.of(1).buffer);
    runLater();
    expect(writable).toEqual([0]);
  });

  test('ends a connection that does not take what it is sent', () => {
    const { socket, carrier, gone } = openCarrier({ maxQueueBytes: 5000, lingerMs: 400 });
    // The first is taken whatever it is, when nothing is queued.
    write(carrier, new Uint8Array(2000), 5);
    expect(carrier.stats().sendDrops).toBe(0);
    write(carrier, new Uint8Array(1));
    expect(carrier.stats().sendDrops).toBe(1);
    expect(socket.closes).toHaveLength(1);
    expect(gone).toEqual([]);
    // The browser tries to send what it has; nobody waits for that.
    vi.advanceTimersByTime(400);
    expect(gone).toEqual([0]);
    expect(carrier.stats().connections?.closed.slow_consumer).toBe(1);
    expect(carrier.connections.queuedBytes(0)).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('drops and counts what is too long, for another slot, or too late', () => {
    const { socket, carrier } = openCarrier({ maxDatagramBytes: 100 });
    write(carrier, new Uint8Array(101));
    write(carrier, new Uint8Array(100), 1, 1);
    socket.readyState = 2;
    write(carrier, new Uint8Array(100));
    expect(socket.sent).toEqual([]);
    expect(carrier.stats()).toMatchObject({ sendDrops: 3, sentDatagrams: 0, sentBytes: 0 });
  });
});

describe('ending', () => {
  test('says why, in as many characters as fit', () => {
    const { socket, carrier, gone } = openCarrier();
    carrier.connections.disconnect(0, CloseCode.kicked, '€'.repeat(60));
    expect(socket.closes).toEqual([{ code: CloseCode.kicked, reason: '€'.repeat(41) }]);
    socket.end();
    expect(gone).toEqual([]);
  });

  test('sends what is in the arena first', () => {
    const { socket, carrier } = openCarrier();
    reserveAndCommit(carrier, new Uint8Array(10));
    carrier.connections.disconnect(0, CloseCode.normal, '');
    expect(socket.closes).toEqual([]);
    carrier.flush();
    expect(socket.sent.map(({ length }) => length)).toEqual([10]);
    expect(socket.closes).toEqual([{ code: 1000, reason: '' }]);
  });

  test('does not wait for a peer that does not answer', async () => {
    const { carrier } = openCarrier({ lingerMs: 700 });
    const closed = vi.fn();
    void carrier.close().then(closed);
    await vi.advanceTimersByTimeAsync(699);
    expect(closed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(closed).toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('keeps the slot of one that is gone until it is released', () => {
    const { socket, carrier, gone } = openCarrier();
    carrier.retain(0);
    socket.break();
    expect(gone).toEqual([0]);
    expect(carrier.stats()).toMatchObject({ socketErrors: 1, connections: { open: 0 } });
    expect(carrier.addressOf(0)).toEqual(carrier.remoteAddress);
    expect(carrier.intern(carrier.remoteAddress)).toBe(-1);
    carrier.release(0);
    expect(() => carrier.addressOf(0)).toThrow(RangeError);
  });
});

function openCarrier(options: Partial<WsCarrierOptions> = {}, starts = true) {
  const socket = new FakeWebSocket('ws://gw.example/kcp');
  const due: (() => void)[] = [];
  const carrier = new WsCarrier(socket, { later: (run) => due.push(run), ...options });
  socket.open();
  const batches: number[][][] = [];
  const gone: number[] = [];
  const writable: number[] = [];
  if (starts) startInto(carrier, batches, gone, writable);
  const runLater = (): void => {
    for (const run of due.splice(0)) run();
  };
  return { socket, carrier, batches, gone, writable, runLater };
}

function startInto(
  carrier: WsCarrier,
  batches: number[][][],
  gone: number[] = [],
  writable: number[] = [],
): void {
  carrier.start((batch) => batches.push(datagramsOf(batch).map(({ bytes }) => [...bytes])), {
    disconnected: (slot) => gone.push(slot),
    writable: (slot) => writable.push(slot),
  });
}

function reserveAndCommit(carrier: WsCarrier, bytes: Uint8Array, slot = 0): void {
  const at = carrier.arena.reserve(bytes.length);
  expect(at).toBeGreaterThanOrEqual(0);
  carrier.arena.bytes.set(bytes, at);
  carrier.arena.target = slot;
  carrier.arena.commit(bytes.length);
}

function write(carrier: WsCarrier, bytes: Uint8Array, times = 1, slot = 0): void {
  for (let i = 0; i < times; i++) reserveAndCommit(carrier, bytes, slot);
  carrier.flush();
}
