import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import type { BatchArena } from '../../../../src/carrier/batch-arena.ts';
import { Connection } from '../../../../src/carrier/node/connection.ts';
import { ConnectionCarrier } from '../../../../src/carrier/node/connection-carrier.ts';
import { resolveConnectionConfig } from '../../../../src/carrier/node/connection-options.ts';

/** A connection that takes everything, and lets the test say how much of it waits. */
class FakeConnection extends Connection {
  isWritable = true;
  queuedBytes = 0;
  /** Every run sent: how many datagrams it had. */
  readonly runs: number[] = [];
  /** What was called to end it. */
  readonly ends: string[] = [];
  /** What `send` answers. */
  isFree = true;

  start(): void {
    this.ends.length = 0;
  }

  pause(): void {
    this.ends.push('pause');
  }

  resume(): void {
    this.ends.push('resume');
  }

  send(_arena: BatchArena, first: number, end: number): boolean {
    this.runs.push(end - first);
    return this.isFree;
  }

  end(code: CloseCode, reason: string): void {
    this.ends.push(`end ${String(code)} ${reason}`);
  }

  destroy(): void {
    this.ends.push('destroy');
  }

  reset(): void {
    this.ends.push('reset');
  }
}

const PEER = { address: '192.0.2.1', family: 4, port: 1 } as const;

interface Carried {
  readonly carrier: ConnectionCarrier;
  readonly connections: FakeConnection[];
  readonly gone: number[];
  readonly writable: number[];
  readonly left: number[];
  write(target: number, length: number): void;
  add(): FakeConnection;
}

function carried(maxSlots = 4): Carried {
  const left: number[] = [];
  const carrier = new ConnectionCarrier(
    {
      kind: 'tcp',
      localAddress: PEER,
      headBytes: 2,
      minDatagramBytes: 1,
      maxSlots,
      confirmTimeoutMs: 1000,
      closeCode: CloseCode.drain,
      stopAccepting: () => Promise.resolve(),
      left: ({ port }) => left.push(port),
    },
    resolveConnectionConfig({
      maxDatagramBytes: 100,
      arenaBytes: 1000,
      maxQueueBytes: 500,
      highWaterBytes: 200,
      lingerMs: 300,
    }),
  );
  const gone: number[] = [];
  const writable: number[] = [];
  carrier.start(() => undefined, {
    disconnected: (slot) => gone.push(slot),
    writable: (slot) => writable.push(slot),
  });
  const connections: FakeConnection[] = [];
  return {
    carrier,
    connections,
    gone,
    writable,
    left,
    write(target, length) {
      carrier.arena.target = target;
      carrier.arena.reserve(length);
      carrier.arena.commit(length);
    },
    add() {
      const connection = new FakeConnection();
      if (carrier.open(connection, { ...PEER, port: connections.length })) connections.push(connection);
      return connection;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('ConnectionCarrier', () => {
  it('sends neighbours for one connection as one run', () => {
    const { carrier, add, write } = carried();
    const [one, two] = [add(), add()];
    for (const target of [0, 0, 1, 1, 1, 0]) write(target, 10);
    carrier.flush();
    expect([one.runs, two.runs]).toEqual([[2, 1], [3]]);
    expect(carrier.stats()).toMatchObject({ sendCalls: 3, sentDatagrams: 6, sentBytes: 60, sendDrops: 0 });
  });

  it('drops what cannot be sent, and sends what stands around it', () => {
    const { carrier, add, write } = carried();
    const [one, two] = [add(), add()];
    two.isWritable = false;
    for (const length of [5, 0, 100, 101, 1]) write(0, length);
    for (const target of [1, 7, -1]) write(target, 5);
    carrier.flush();
    expect([one.runs, two.runs]).toEqual([[1, 1, 1], []]);
    expect(carrier.stats()).toMatchObject({ sentDatagrams: 3, sentBytes: 106, sendDrops: 5 });
  });

  it('takes other memory when a connection still reads the old', () => {
    const { carrier, add, write } = carried();
    const [one, two] = [add(), add()];
    const { bytes } = carrier.arena;
    write(0, 5);
    carrier.flush();
    expect(carrier.arena.bytes).toBe(bytes);
    one.isFree = false;
    for (const target of [0, 1]) write(target, 5);
    carrier.flush();
    expect(carrier.arena.bytes).not.toBe(bytes);
    expect(two.runs).toEqual([1]);
  });

  it('tells once that there is room, when less than half of the high water is queued', () => {
    const { carrier, add, write, writable } = carried();
    const one = add();
    write(0, 100);
    one.queuedBytes = 150;
    carrier.flush();
    carrier.written(one);
    one.queuedBytes = 0;
    carrier.written(one);
    expect(writable).toEqual([]);
    one.queuedBytes = 201;
    write(0, 100);
    carrier.flush();
    for (const queued of [300, 201, 199, 100, 99, 0]) {
      one.queuedBytes = queued;
      carrier.written(one);
      expect(writable.length).toBe(queued < 100 ? 1 : 0);
    }
  });

  it('resets a slow consumer, but takes any one flush for a connection with nothing queued', () => {
    const { carrier, add, write, gone } = carried();
    const one = add();
    for (let i = 0; i < 6; i++) write(0, 100);
    carrier.flush();
    expect(one.runs).toEqual([6]);
    one.queuedBytes = 400;
    write(0, 100);
    carrier.flush();
    expect([one.runs, one.ends]).toEqual([[6, 1], []]);
    one.queuedBytes = 401;
    write(0, 100);
    carrier.flush();
    expect([one.runs, one.ends, gone]).toEqual([[6, 1], ['reset'], []]);
    carrier.gone(one);
    expect(gone).toEqual([0]);
    expect(carrier.stats().connections?.closed.slow_consumer).toBe(1);
    expect(carrier.stats().sendDrops).toBe(1);
  });

  it('keeps a slot whose datagrams wait in the arena', () => {
    const { carrier, add, write, gone } = carried();
    const one = add();
    carrier.retain(0);
    write(1, 5);
    carrier.gone(one);
    carrier.release(0);
    expect(gone).toEqual([0]);
    expect(carrier.addressOf(0)).toMatchObject({ port: 0 });
    add();
    // Not what was meant for the first.
    expect(carrier.addressOf(1)).toMatchObject({ port: 1 });
    carrier.flush();
    expect(() => carrier.addressOf(0)).toThrow(RangeError);
    expect(add().slot).toBe(0);
  });

  it('ends a connection after what waits in the arena, and sends it nothing that comes later', () => {
    const { carrier, add, write } = carried();
    const [one, two] = [add(), add()];
    carrier.connections.disconnect(1, CloseCode.drain, 'now');
    expect(two.ends).toEqual(['end 3001 now']);
    write(0, 5);
    carrier.connections.disconnect(0, CloseCode.kicked, 'later');
    expect(one.ends).toEqual([]);
    write(0, 5);
    carrier.flush();
    expect([one.runs, one.ends]).toEqual([[2], ['end 3500 later']]);
    write(0, 5);
    carrier.flush();
    expect(one.runs).toEqual([2]);
    vi.advanceTimersByTime(299);
    expect(one.ends).toEqual(['end 3500 later']);
    vi.advanceTimersByTime(1);
    expect(one.ends).toEqual(['end 3500 later', 'reset']);
  });

  it('closes what is not confirmed in time', () => {
    const { carrier, add } = carried();
    const [one, two] = [add(), add()];
    vi.advanceTimersByTime(999);
    carrier.connections.confirm(1);
    expect(one.ends).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect([one.ends, two.ends]).toEqual([['reset'], []]);
  });

  it('refuses a connection when slots are out, and forgets it', () => {
    const { carrier, add, left, connections, gone } = carried(2);
    const [one] = [add(), add()];
    carrier.retain(0);
    carrier.gone(one);
    const refused = add();
    expect(refused.slot).toBe(-1);
    carrier.gone(refused);
    expect([gone, left]).toEqual([[0], [0]]);
    carrier.release(0);
    add();
    expect(connections.length).toBe(3);
    expect(vi.getTimerCount()).toBe(2);
  });

  it('ends every connection when it is closed, and resolves when they are gone', async () => {
    const { carrier, add, gone } = carried();
    const [one, two] = [add(), add()];
    let isClosed = false;
    const closed = carrier.close().then(() => (isClosed = true));
    expect([one.ends, two.ends]).toEqual([['end 3001 '], ['end 3001 ']]);
    carrier.gone(one);
    await vi.advanceTimersByTimeAsync(100);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(two.ends).toEqual(['end 3001 ', 'reset']);
    carrier.gone(two);
    await closed;
    expect(gone).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
