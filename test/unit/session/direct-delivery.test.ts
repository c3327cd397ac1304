import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { SessionPort, Sink } from '../../../src/base/sink.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';
import { Path, PathArena, Session } from '../../../src/session/index.ts';
import { Command } from '../../../src/wire/command.ts';
import { writeDataSegment } from '../../../src/wire/data-segment.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { NO_PATHS } from './session-pair.ts';

/** Writes down what it is given and where it lay. */
class WatchingSink implements Sink {
  readonly events: string[] = [];
  readonly memories = new Set<Uint8Array>();
  takes = true;
  onWrite: () => void = () => undefined;

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    this.events.push(String.fromCharCode(...bytes.subarray(offset, offset + length)));
    this.memories.add(bytes);
    this.onWrite();
    return this.takes;
  }
  flush(): void {
    this.events.push('flush');
  }
  end(): void {
    this.events.push('end');
  }
  writable(): void {
    this.events.push('writable');
  }
  drain(): void {
    this.events.push('drain');
  }
  close(): void {
    this.events.push('close');
  }
}

/** A gateway's session of a stock peer, and the slab its datagrams are read into. */
class Direct {
  readonly pool = new SegmentPool();
  readonly sink = new WatchingSink();
  readonly slab = new Uint8Array(4096);
  readonly session: Session;
  private readonly arena = new DatagramArena();

  constructor(bind: (port: SessionPort) => Sink = () => this.sink) {
    this.session = new Session(
      {
        role: 'gateway',
        peer: 'stock',
        kcp: resolveKcpConfig({ conv: 7, receiveWindow: 32 }),
        idleTimeoutMs: 30_000,
        keepAliveMs: 0,
        closeTimeoutMs: 5_000,
        lingerMs: 3_000,
        copyBytesPerSecond: 0,
        earlyData: false,
      },
      this.pool,
      { ...NO_PATHS, wake: () => undefined },
      1,
      0,
      { path: new Path(0, 0, false, 0, { validated: true, announcing: false }) },
    );
    this.session.bind(bind(this.session));
  }

  /** One datagram with one segment. */
  push(sn: number, text: string, frg = 0): number {
    return this.read(this.write(100, sn, text, frg));
  }

  /** One datagram with a segment for each text. */
  pushTogether(sn: number, ...texts: string[]): number {
    return this.read(texts.reduce((at, text, i) => at + this.write(at, sn + i, text), 100) - 100);
  }

  private write(at: number, sn: number, text: string, frg = 0): number {
    const memory = { bytes: this.slab, view: new DataView(this.slab.buffer) };
    const payload = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const segment = { type: 'push', conv: 7, frg, wnd: 32, ts: 1, sn, una: 0, payload } as const;
    return writeDataSegment(memory, at, segment);
  }

  private read(length: number): number {
    return this.session.handleDatagram(1, this.slab, new DataView(this.slab.buffer), 100, length);
  }

  /** @returns the commands of the datagrams written. */
  drain(): number[] {
    const pathArena = new PathArena(this.arena);
    while (this.session.drain(1, { arenaOf: () => pathArena }));
    const commands: number[] = [];
    this.arena.drain((memory, offset) => commands.push(memory[offset + 4]!));
    return commands;
  }
}

describe('what is next in order', () => {
  it('goes to the sink from the memory it arrived in, before the drain, and takes no slot', () => {
    const direct = new Direct();
    direct.push(0, 'a');
    direct.push(1, 'b');
    expect(direct.sink.events).toEqual(['a', 'b']);
    expect([...direct.sink.memories]).toEqual([direct.slab]);
    expect(direct.pool.usedSlots).toBe(0);
    expect(direct.drain()).toEqual([Command.ack]);
    expect(direct.sink.events).toEqual(['a', 'b', 'flush']);
  });

  it('closes a gap directly; what waited behind it follows in the drain, in order', () => {
    const direct = new Direct();
    direct.push(1, 'b');
    direct.push(0, 'a');
    direct.push(2, 'c');
    expect(direct.sink.events).toEqual(['a']);
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'b', 'c', 'flush']);
    direct.push(3, 'd');
    expect(direct.sink.events.at(-1)).toBe('d');
    expect(direct.pool.usedSlots).toBe(0);
  });

  it('waits when it is a part of a message', () => {
    const direct = new Direct();
    direct.push(0, 'a', 1);
    direct.push(1, 'b', 0);
    expect(direct.sink.events).toEqual([]);
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'b', 'flush']);
  });

  it('is kept once the sink says stop, and the window shrinks by it', () => {
    const direct = new Direct();
    direct.sink.takes = false;
    direct.push(0, 'a');
    direct.push(1, 'b');
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'flush']);
    expect(direct.pool.usedSlots).toBe(1);
    direct.sink.takes = true;
    direct.session.resume();
    direct.push(2, 'c');
    expect(direct.sink.events).toEqual(['a', 'flush']);
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'flush', 'b', 'c', 'flush']);
  });

  it('comes once, however often it arrives', () => {
    const direct = new Direct();
    direct.push(0, 'a');
    direct.push(0, 'a');
    direct.drain();
    direct.push(0, 'a');
    expect(direct.sink.events).toEqual(['a', 'flush']);
    expect(direct.session.stats().duplicatesReceived).toBe(2);
  });

  it('is not written any more after the sink asked for the close, and comes before the end', () => {
    const direct = new Direct();
    direct.sink.onWrite = () => direct.session.close(CloseCode.normal, 'enough');
    direct.push(0, 'a');
    direct.push(1, 'b');
    expect(direct.sink.events).toEqual(['a']);
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'flush', 'close']);
  });

  it('is not written either when it waited before the sink asked for the close', () => {
    const direct = new Direct();
    direct.push(1, 'b');
    direct.push(2, 'c');
    direct.push(0, 'a');
    direct.session.close(CloseCode.normal, 'enough');
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'flush', 'close']);
  });

  it('stops where the sink asks for the close, in the middle of what waited', () => {
    const direct = new Direct();
    direct.push(2, 'c');
    direct.push(1, 'b', 0);
    direct.sink.takes = false;
    direct.push(0, 'a');
    direct.sink.takes = true;
    direct.session.resume();
    direct.sink.onWrite = () => direct.session.close(CloseCode.normal, 'enough');
    direct.drain();
    expect(direct.sink.events).toEqual(['a', 'b', 'flush', 'close']);
  });

  it('leaves nothing behind when the sink destroys the session from within', () => {
    const direct = new Direct();
    direct.sink.onWrite = () => direct.session.destroy(CloseCode.drain, 'the endpoint was closed');
    direct.pushTogether(0, 'a', 'b', 'c');
    expect(direct.sink.events).toEqual(['a', 'flush', 'close']);
    expect(direct.pool.usedSlots).toBe(0);
  });

  it('is flushed before the sink is closed without a drain', () => {
    const direct = new Direct();
    direct.push(0, 'a');
    direct.session.destroy(CloseCode.drain, 'the endpoint was closed');
    expect(direct.sink.events).toEqual(['a', 'flush', 'close']);
  });

  it('waits while the sink has not heard that the session is open', () => {
    const told: string[] = [];
    const direct = new Direct(() =>
      Object.assign(new WatchingSink(), {
        opened: () => told.push('opened'),
        write: () => told.push('data') > 0,
      }),
    );
    direct.push(0, 'a');
    expect(told).toEqual([]);
    direct.drain();
    expect(told).toEqual(['data']);
  });
});
