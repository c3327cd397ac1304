import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import type { SessionPort, Sink } from '../../../src/base/sink.ts';
import { META_LENGTH, META_OFFSET, META_STRIDE } from '../../../src/carrier/carrier.ts';
import { MemoryHub, type MemoryCarrier } from '../../../src/carrier/memory.ts';
import type { Endpoint, PortConfig, SessionAcceptor } from '../../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';
import { Command } from '../../../src/wire/command.ts';
import { endpointOn } from '../../support/endpoint-on.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { RecordingSink } from '../session/session-pair.ts';

interface ServerOptions {
  readonly admission?: Partial<PortConfig['admission']>;
  readonly session?: Partial<PortConfig['session']>;
  readonly allowStock?: boolean;
  readonly acceptor?: SessionAcceptor;
}

const open: Endpoint[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const endpoint of open.splice(0)) await endpoint.close();
});

/** An endpoint on a memory carrier, and a way to throw datagrams at it from several addresses. */
class Bench {
  readonly hub = new MemoryHub();
  readonly clock = new VirtualClock(1_000);
  readonly carrier = this.hub.join();
  readonly pool = new SegmentPool();
  readonly sinks: RecordingSink[] = [];
  readonly answers: Uint8Array[] = [];
  readonly endpoint: Endpoint;

  constructor(options: ServerOptions = {}) {
    const echo: SessionAcceptor = {
      accept: () => ({
        stream: true,
        bind: (port) => {
          const sink = new RecordingSink(port);
          this.sinks.push(sink);
          return sink;
        },
      }),
    };
    this.endpoint = endpointOn(
      this.carrier,
      { clock: this.clock, logger: NO_LOG, acceptor: options.acceptor ?? echo },
      {
        kcp: resolveKcpConfig({ conv: 0, receiveWindow: 64 }),
        pool: this.pool,
        allowStock: options.allowStock ?? true,
        session: {
          idleTimeoutMs: 10_000,
          keepAliveMs: 0,
          closeTimeoutMs: 1_000,
          lingerMs: 2_000,
          ...options.session,
        },
        admission: {
          maxSessions: 100,
          maxSessionsPerSource: 100,
          newSessionsPerSecond: 100,
          newSessionsPerSourcePerSecond: 100,
          ...options.admission,
        },
      },
    );
    this.endpoint.start();
    open.push(this.endpoint);
  }

  /** A peer with an address of its own. */
  peer(): MemoryCarrier {
    const peer = this.hub.join();
    peer.start((batch) => {
      for (let i = 0; i < batch.count; i++) {
        const at = batch.meta[i * META_STRIDE + META_OFFSET]!;
        this.answers.push(batch.bytes.slice(at, at + batch.meta[i * META_STRIDE + META_LENGTH]!));
      }
    });
    return peer;
  }

  throwAt(peer: MemoryCarrier, ...datagrams: Uint8Array[]): void {
    peer.arena.target = 0;
    for (const datagram of datagrams) {
      const at = peer.arena.reserve(datagram.length);
      peer.arena.bytes.set(datagram, at);
      peer.arena.commit(datagram.length);
    }
    peer.flush();
    while (this.hub.deliver() > 0);
  }

  /** Lets time pass for sessions that nothing else wakes. */
  async pass(ms: number): Promise<void> {
    this.clock.advanceTo(this.clock.now() + ms);
    for (const { port } of this.sinks) port.resume();
    await nextTurn();
    while (this.hub.deliver() > 0);
  }

  drops(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.endpoint.stats().drops).filter(([, count]) => count > 0));
  }
}

/** Takes everything and does nothing. */
const IDLE_SINK: Sink = {
  write: () => true,
  flush: () => undefined,
  end: () => undefined,
  writable: () => undefined,
  drain: () => undefined,
  close: () => undefined,
};

function segment(
  conv: number,
  command: number,
  fields: { sn?: number; una?: number; frg?: number } = {},
  payload = '',
): Uint8Array {
  const block = command === Command.new ? 20 : 0;
  const bytes = new Uint8Array(24 + block + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, conv, true);
  bytes[4] = command;
  bytes[5] = fields.frg ?? 0;
  view.setUint16(6, 128, true);
  view.setUint32(8, 1_000, true);
  view.setUint32(12, fields.sn ?? 0, true);
  view.setUint32(16, fields.una ?? 0, true);
  view.setUint32(20, payload.length, true);
  if (block > 0) bytes.set([1, 20], 24);
  for (let i = 0; i < payload.length; i++) bytes[24 + block + i] = payload.charCodeAt(i);
  return bytes;
}

describe('what opens a session', () => {
  it('a PUSH of a stock peer, and NEW of a kcpgate one', () => {
    const bench = new Bench();
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'hi'));
    bench.throwAt(bench.peer(), segment(2, Command.new, {}, 'ho'));
    expect(bench.sinks.map((sink) => sink.text)).toEqual(['hi', 'ho']);
    expect([...bench.endpoint.sessions()].map(({ peer, conv }) => [peer, conv])).toEqual([
      ['stock', 1],
      ['kcpgate', 2],
    ]);
    // Both were acknowledged in the same turn.
    expect(bench.answers.map((bytes) => bytes[4])).toEqual([Command.ack, Command.ack]);
  });

  it('not a late packet of a session that is gone', () => {
    const bench = new Bench();
    const peer = bench.peer();
    bench.throwAt(peer, segment(1, Command.push, { una: 5 }, 'x'));
    bench.throwAt(peer, segment(1, Command.push, { sn: 64 }, 'x'));
    bench.throwAt(peer, segment(1, Command.ack));
    bench.throwAt(peer, segment(1, Command.fin));
    expect(bench.sinks).toEqual([]);
    expect(bench.drops()).toEqual({ not_an_opening: 4 });
    expect(bench.answers).toEqual([]);
  });

  it('two conversations of one address are two sessions', () => {
    const bench = new Bench();
    const peer = bench.peer();
    bench.throwAt(
      peer,
      segment(1, Command.push, {}, 'a'),
      segment(2, Command.push, {}, 'b'),
      segment(1, Command.push, { sn: 1 }, 'A'),
    );
    expect(bench.sinks.map((sink) => sink.text)).toEqual(['aA', 'b']);
  });

  it('the same conversation from another address is another session', () => {
    const bench = new Bench();
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'a'));
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'b'));
    expect(bench.sinks.map((sink) => sink.text)).toEqual(['a', 'b']);
  });

  it('nothing, where stock peers are not allowed', () => {
    const bench = new Bench({ allowStock: false });
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'a'));
    expect(bench.drops()).toEqual({ stock_not_allowed: 1 });
  });

  it('not what the acceptor refuses: a kcpgate peer is told the code, a stock one nothing', () => {
    const bench = new Bench({ acceptor: { accept: () => CloseCode.blocked } });
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'a'));
    expect(bench.answers).toEqual([]);
    bench.throwAt(bench.peer(), segment(2, Command.new, {}, 'a'));
    expect(bench.answers).toHaveLength(1);
    const answer = bench.answers[0]!;
    expect([answer[4], new DataView(answer.buffer).getUint32(12, true)]).toEqual([
      Command.kick,
      CloseCode.blocked,
    ]);
    // Never more than what was asked.
    expect(answer.length).toBeLessThanOrEqual(segment(2, Command.new, {}, 'a').length);
    expect(bench.drops()).toEqual({ refused: 2 });
  });
});

describe('limits', () => {
  it('open sessions in all, and places freed by closed ones', async () => {
    const bench = new Bench({ admission: { maxSessions: 2 } });
    for (let conv = 1; conv <= 3; conv++) bench.throwAt(bench.peer(), segment(conv, Command.push, {}, 'x'));
    expect(bench.endpoint.stats().openSessions).toBe(2);
    expect(bench.drops()).toEqual({ session_limit: 1 });
    bench.sinks[0]!.port.close(CloseCode.normal, 'done');
    await bench.pass(1);
    expect(bench.endpoint.stats()).toMatchObject({
      openSessions: 1,
      lingeringSessions: 1,
      closedSessions: { normal: 1 },
    });
    bench.throwAt(bench.peer(), segment(9, Command.push, {}, 'x'));
    expect(bench.endpoint.stats().openSessions).toBe(2);
  });

  it('open sessions and new ones a second from one source', () => {
    const bench = new Bench({ admission: { maxSessionsPerSource: 3 } });
    const peer = bench.peer();
    for (let conv = 1; conv <= 5; conv++) bench.throwAt(peer, segment(conv, Command.push, {}, 'x'));
    expect(bench.drops()).toEqual({ source_limit: 2 });
    const slow = new Bench({ admission: { newSessionsPerSourcePerSecond: 2 } });
    const from = slow.peer();
    for (let conv = 1; conv <= 4; conv++) slow.throwAt(from, segment(conv, Command.push, {}, 'x'));
    slow.clock.advanceTo(slow.clock.now() + 500);
    slow.throwAt(from, segment(7, Command.push, {}, 'x'));
    expect(slow.endpoint.stats().openSessions).toBe(3);
    expect(slow.drops()).toEqual({ rate_limit: 2 });
  });

  it('remembers no more closed sessions than it may have open ones', async () => {
    const bench = new Bench({ admission: { maxSessions: 3 } });
    for (let conv = 1; conv <= 20; conv++) {
      bench.throwAt(bench.peer(), segment(conv, Command.push, {}, 'x'));
      bench.sinks.at(-1)!.port.close(CloseCode.normal, 'done');
      await bench.pass(20);
    }
    expect(bench.endpoint.stats().openedSessions).toBe(20);
    expect(bench.endpoint.stats().lingeringSessions).toBeLessThanOrEqual(3);
    expect(bench.pool.usedSlots).toBe(0);
  });
});

describe('bad input', () => {
  it('is dropped and counted by reason, and the rest of the batch goes on', () => {
    const bench = new Bench();
    const peer = bench.peer();
    const cut = segment(1, Command.push, {}, 'cut off').subarray(0, 28);
    const sealed = segment(1, 0xa0);
    const unknown = segment(1, 3);
    bench.throwAt(peer, new Uint8Array(3), sealed, unknown, cut, segment(5, Command.push, {}, 'fine'));
    expect(bench.sinks.map((sink) => sink.text)).toEqual(['fine']);
    expect(bench.drops()).toEqual({ too_short: 1, kind_not_accepted: 1, unknown_kind: 1, not_an_opening: 1 });
    const mixed = new Uint8Array([
      ...segment(5, Command.push, { sn: 1 }, '!'),
      ...segment(6, Command.push, {}, '?'),
    ]);
    bench.throwAt(
      peer,
      mixed,
      segment(5, Command.ack, { una: 77 }),
      new Uint8Array([...segment(5, Command.push, { sn: 2 }, 'ok'), ...cut]),
    );
    expect(bench.sinks[0]!.text).toBe('fine!ok');
    expect(bench.drops()).toMatchObject({ other_conversation: 2, una_beyond_sent: 1 });
  });

  it('never throws and never grows memory, whatever the bytes', () => {
    const bench = new Bench({ admission: { maxSessions: 8 } });
    const random = new SeededRandom(7);
    const peers = Array.from({ length: 4 }, () => bench.peer());
    for (let i = 0; i < 20_000; i++) {
      const datagram = new Uint8Array(random.nextInt(120));
      for (let b = 0; b < datagram.length; b++) datagram[b] = random.nextInt(256);
      if (datagram.length > 4) {
        datagram.set([random.nextInt(3), 0, 0, 0, 79 + random.nextInt(17)]);
        if (datagram.length > 24 && random.nextInt(2) === 0)
          datagram.set([0, 0, 0, 0, 0, 0, 0, datagram.length - 24, 0, 0, 0], 13);
      }
      bench.throwAt(peers[i % 4]!, datagram);
    }
    const stats = bench.endpoint.stats();
    expect(stats.carrier.batchErrors).toBe(0);
    expect(stats.sinkFailures).toBe(0);
    expect(stats.openSessions).toBeLessThanOrEqual(8);
    expect(bench.pool.usedSlots).toBeLessThanOrEqual(8 * 2 * 64);
  });
});

describe('sinks', () => {
  it('that throw lose their session, and only theirs', () => {
    let made = 0;
    const acceptor: SessionAcceptor = {
      accept: () => ({
        stream: true,
        bind: (port: SessionPort): Sink => {
          const sink = new RecordingSink(port);
          if (made++ === 0) {
            sink.write = () => {
              throw new Error('bug');
            };
          }
          return sink;
        },
      }),
    };
    const bench = new Bench({ acceptor });
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'x'));
    bench.throwAt(bench.peer(), segment(2, Command.push, {}, 'y'));
    expect(bench.endpoint.stats()).toMatchObject({ sinkFailures: 1, openSessions: 1 });
    expect(bench.pool.usedSlots).toBe(0);
  });
});

describe('books', () => {
  it('release an address slot once a session, even when it ends in the drain that woke it', async () => {
    const bench = new Bench({
      admission: { maxSessions: 2 },
      acceptor: {
        accept: () => ({
          stream: true,
          bind: (port) => {
            const sink = new RecordingSink(port);
            sink.write = () => {
              port.close(CloseCode.kicked, 'no');
              return true;
            };
            return sink;
          },
        }),
      },
    });
    let held = 0;
    const { carrier } = bench;
    const [retain, release] = [carrier.retain.bind(carrier), carrier.release.bind(carrier)];
    carrier.retain = (slot) => {
      held++;
      retain(slot);
    };
    carrier.release = (slot) => {
      held--;
      release(slot);
    };
    const peer = bench.peer();
    for (let conv = 1; conv <= 6; conv++) {
      bench.throwAt(peer, segment(conv, Command.push, {}, '!'));
      await nextTurn();
    }
    const { openSessions, lingeringSessions } = bench.endpoint.stats();
    expect(held).toBe(openSessions + lingeringSessions);
  });

  it('stay right when an acceptor throws', () => {
    let calls = 0;
    const bench = new Bench({
      acceptor: {
        accept: () => ({
          stream: true,
          bind: (port) => {
            if (calls++ === 0) throw new Error('bug');
            return new RecordingSink(port);
          },
        }),
      },
    });
    const peer = bench.peer();
    bench.throwAt(peer, segment(1, Command.push, {}, 'x'));
    expect(bench.endpoint.stats()).toMatchObject({ openSessions: 0, sinkFailures: 1 });
    bench.throwAt(peer, segment(2, Command.push, {}, 'x'));
    expect(bench.endpoint.stats()).toMatchObject({ openSessions: 1 });
  });

  it('stay right when a sink throws at data that just arrived: only its own session ends', () => {
    const bench = new Bench({
      acceptor: {
        accept: ({ conv }) => ({
          stream: true,
          bind: (port) => {
            const sink = new RecordingSink(port);
            bench.sinks.push(sink);
            // A sink without `opened` is written to while the datagram is read.
            Object.assign(sink, { opened: undefined });
            if (conv === 1)
              sink.write = () => {
                throw new Error('bug');
              };
            return sink;
          },
        }),
      },
    });
    const peer = bench.peer();
    bench.throwAt(peer, segment(1, Command.push, {}, 'x'), segment(2, Command.push, {}, 'y'));
    expect(bench.endpoint.stats()).toMatchObject({ openSessions: 1, sinkFailures: 1 });
    expect(bench.sinks.map(({ text, isClosed }) => [text, isClosed])).toEqual([
      ['', true],
      ['y', false],
    ]);
  });

  it('are closed when a sink closes the endpoint: no session begins after it, nothing is left', async () => {
    const events: string[] = [];
    const bench: Bench = new Bench({
      acceptor: {
        accept: ({ conv }) => ({
          stream: true,
          bind: () => ({
            ...IDLE_SINK,
            write: () => {
              events.push(`write ${String(conv)}`);
              void bench.endpoint.close();
              return true;
            },
            close: () => void events.push(`close ${String(conv)}`),
          }),
        }),
      },
    });
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'hi'), segment(2, Command.push, {}, 'ho'));
    await nextTurn();
    expect(events).toEqual(['write 1', 'close 1']);
    expect(bench.endpoint.stats()).toMatchObject({
      openSessions: 0,
      lingeringSessions: 0,
      openedSessions: 1,
      poolUsedBytes: 0,
    });
  });

  it('are closed when a sink closes the endpoint in its own close: no timer holds the process', async () => {
    // Its own timers only: the test runner has some, too, which come and go.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const bench: Bench = new Bench({
      acceptor: {
        accept: () => ({
          stream: true,
          bind: (port) => ({
            ...IDLE_SINK,
            write: () => {
              port.close(CloseCode.normal, 'enough');
              return true;
            },
            close: () => void bench.endpoint.close(),
          }),
        }),
      },
    });
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'hi'));
    await nextTurn();
    expect(bench.endpoint.stats()).toMatchObject({
      openSessions: 0,
      lingeringSessions: 0,
      openedSessions: 1,
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('let every peer know of the close, also more than one arena holds', async () => {
    const bench = new Bench({
      admission: {
        maxSessions: 9_000,
        maxSessionsPerSource: 9_000,
        newSessionsPerSecond: 9_000,
        newSessionsPerSourcePerSecond: 9_000,
      },
    });
    const peer = bench.peer();
    for (let conv = 1; conv <= 5_000; conv++) bench.throwAt(peer, segment(conv, Command.push, {}, 'x'));
    const before = bench.carrier.stats();
    await bench.endpoint.close();
    const after = bench.carrier.stats();
    expect(after.sentDatagrams + after.sendDrops - before.sentDatagrams - before.sendDrops).toBe(5_000);
  });
});

describe('drain and close', () => {
  it('waits for what is held, tells peers, refuses new ones, then nothing is left', async () => {
    const bench = new Bench();
    const peer = bench.peer();
    bench.throwAt(peer, segment(1, Command.new, {}, 'x'));
    bench.sinks[0]!.port.send(new Uint8Array([65]), 0, 1);
    const drained = bench.endpoint.drain(5_000);
    await nextTurn();
    while (bench.hub.deliver() > 0);
    bench.throwAt(bench.peer(), segment(2, Command.new, {}, 'late'));
    expect(bench.drops()).toEqual({ draining: 1 });
    // The peer acknowledges the byte and then answers the KICK.
    bench.throwAt(peer, segment(1, Command.ack, { una: 1 }));
    expect(bench.answers.at(-1)?.[4]).toBe(Command.kick);
    bench.throwAt(peer, segment(1, Command.fin, { sn: 1 }));
    expect(await drained).toBe(0);
    expect(bench.sinks[0]!.events).toEqual(['drain', 'opened', 'close 3001 the gateway is shutting down']);
    await bench.endpoint.close();
    await bench.endpoint.close();
  });

  it('gives up at the deadline and says how many were cut off', async () => {
    const bench = new Bench();
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'x'));
    bench.sinks[0]!.drainEnds = false;
    expect(await bench.endpoint.drain(20)).toBe(1);
    await bench.endpoint.close();
    expect(bench.sinks[0]!.events.at(-1)).toBe('close 3001 the endpoint was closed');
    expect(bench.pool.usedSlots).toBe(0);
  });
});

describe('a sink that throws when it is told of the drain', () => {
  it('does not hold it up', async () => {
    const bench = new Bench({
      acceptor: {
        accept: () => ({
          stream: true,
          bind: () => ({
            ...IDLE_SINK,
            drain: () => {
              throw new Error('no');
            },
          }),
        }),
      },
    });
    bench.throwAt(bench.peer(), segment(1, Command.push, {}, 'hi'));
    expect(await bench.endpoint.drain(1_000)).toBe(0);
    expect(bench.endpoint.stats()).toMatchObject({ openSessions: 0, sinkFailures: 1 });
  });
});

describe('time', () => {
  it('one runtime timer wakes sessions: an idle one is closed by itself', async () => {
    const hub = new MemoryHub();
    const carrier = hub.join();
    const closed: number[] = [];
    const endpoint = endpointOn(
      carrier,
      {
        clock: { now: () => Math.floor(performance.now()) },
        logger: NO_LOG,
        acceptor: {
          accept: () => ({
            stream: true,
            bind: (port) => {
              const sink = new RecordingSink(port);
              sink.close = (code) => void closed.push(code);
              return sink;
            },
          }),
        },
      },
      {
        kcp: resolveKcpConfig({ conv: 0 }),
        pool: new SegmentPool(),
        allowStock: true,
        session: { idleTimeoutMs: 100, keepAliveMs: 0, closeTimeoutMs: 100, lingerMs: 100 },
        admission: {
          maxSessions: 9,
          maxSessionsPerSource: 9,
          newSessionsPerSecond: 9,
          newSessionsPerSourcePerSecond: 9,
        },
      },
    );
    open.push(endpoint);
    endpoint.start();
    const peer = hub.join();
    peer.arena.target = 0;
    const bytes = segment(1, Command.push, {}, 'x');
    peer.arena.bytes.set(bytes, peer.arena.reserve(bytes.length));
    peer.arena.commit(bytes.length);
    peer.flush();
    hub.deliver();
    // Far deadlines are on whole seconds: at most two of them until it is gone.
    for (let i = 0; i < 100 && endpoint.stats().lingeringSessions + endpoint.stats().openSessions > 0; i++)
      await sleep(50);
    expect(closed).toEqual([CloseCode.idleTimeout]);
    expect(endpoint.stats()).toMatchObject({ openSessions: 0, lingeringSessions: 0 });
  });
});
