import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { CloseCode } from '../../../src/base/close-code.ts';
import { Path, PathArena, type PathHost } from '../../../src/session/index.ts';
import { SessionPaths } from '../../../src/session/session-paths.ts';
import { readAnySegment, writeAnySegment, type AnySegment } from '../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';

const CONV = 7;

/** A host that knows which paths are kept; slots below 100 are one host's. */
class Host implements PathHost {
  readonly kept: string[] = [];
  readonly released: { readonly slot: number; readonly code: CloseCode }[] = [];
  #random = 0;

  retainPath(path: Path): void {
    this.kept.push(nameOf(path));
  }
  releasePath(path: Path, code: CloseCode): void {
    const index = this.kept.indexOf(nameOf(path));
    if (index < 0) throw new Error(`${nameOf(path)} was released once too often`);
    this.kept.splice(index, 1);
    this.released.push({ slot: path.slot, code });
  }
  breakPath(): void {
    throw new Error('paths break nothing');
  }
  isSameHost(a: Path, b: Path): boolean {
    return a.slot < 100 && b.slot < 100;
  }
  fillRandom(bytes: Uint8Array): void {
    bytes.fill(++this.#random);
  }
}

const nameOf = ({ port, slot }: Path): string => `${String(port)}:${String(slot)}`;

class Bench {
  readonly host = new Host();
  readonly first: Path;
  readonly paths: SessionPaths;
  readonly arenas = new Map<Path, DatagramArena>();
  isClient = false;
  ptoMs = 100;

  constructor({ reliable = false, validated = true } = {}) {
    this.first = new Path(reliable ? 1 : 0, 1, reliable, 0, { validated, announcing: false });
    this.paths = new SessionPaths(this.host, this.first);
  }

  /** Writes what is due. @returns the segments, by path. */
  write(now: number, arenaBytes = 4096): { full: boolean; said: [string, string][] } {
    const said: [string, string][] = [];
    const output = {
      arenaOf: (path: Path) => {
        const arena = this.arenas.get(path) ?? new DatagramArena(arenaBytes);
        this.arenas.set(path, arena);
        return new PathArena(arena);
      },
    };
    const context = {
      conv: CONV,
      seal: undefined,
      wnd: 5,
      una: 6,
      ptoMs: this.ptoMs,
      isClient: this.isClient,
    };
    const full = this.paths.write(now, output, context, () => undefined);
    for (const [path, arena] of this.arenas) {
      arena.drain((bytes, offset, length) => {
        const types: string[] = [];
        for (let at = offset; at < offset + length;) {
          const segment = readAnySegment(wireMemory(bytes), at, offset + length);
          if (typeof segment === 'string') throw new Error(segment);
          types.push(segment.type);
          at += segment.type === 'windowAsk' ? 24 : 32;
        }
        said.push([nameOf(path), types.join(' ')]);
      });
    }
    return { full, said };
  }

  /** The peer's answer to what was asked on a path. */
  answer(path: Path, now: number, change: Partial<{ ts: number; data: Uint8Array }> = {}): boolean {
    const data = change.data ?? path.challenge!.data;
    const segment: AnySegment = { type: 'pathResponse', conv: CONV, wnd: 0, una: 0, ts: 0, ...change, data };
    const memory = wireMemory(new Uint8Array(64));
    writeAnySegment(memory, 8, segment);
    return this.paths.handleResponse(now, path, memory.view, 8);
  }

  get names(): string[] {
    return [...this.paths].map(nameOf);
  }
}

describe('the paths of a session', () => {
  it('are found by where they lead, made when something new comes, and kept once each', () => {
    const { paths, host, first } = new Bench();
    expect(paths.arrivedOn(0, 1, false, 9)).toBe(first);
    const other = paths.arrivedOn(0, 2, false, 4);
    expect(other).toMatchObject({ id: 4, isValidated: false, isAnnouncing: false });
    expect(paths.arrivedOn(0, 2, false, 5)).toBe(other);
    expect(paths.arrivedOn(1, 2, true, 0)).toMatchObject({ isValidated: true });
    expect(host.kept).toEqual(['0:1', '0:2', '1:2']);
    paths.dispose(CloseCode.kicked, 'over');
    expect(host.kept).toEqual([]);
    expect(host.released.every(({ code }) => code === CloseCode.kicked)).toBe(true);
  });

  it('get a number of their own each when a client tries them, also beyond 255: that of the path in use is not given again', () => {
    const { paths, first } = new Bench();
    const ids = Array.from({ length: 258 }, (_, i) => {
      const path = paths.tryOut(0, 10 + i, false);
      expect(path).toMatchObject({ isValidated: true, isAnnouncing: true });
      expect(path.challenge).toBeDefined();
      return path.id;
    });
    expect([ids[0], ids[254], ids[255], ids[256]]).toEqual([1, 255, 1, 2]);
    expect(ids).not.toContain(first.id);
  });

  it('are few: broken ones give way first, then those nobody proved, then the oldest', () => {
    const bench = new Bench();
    const { paths } = bench;
    const proved = paths.arrivedOn(0, 2, false, 0);
    proved.isValidated = true;
    paths.arrivedOn(0, 3, false, 0);
    paths.arrivedOn(0, 4, false, 0);
    paths.arrivedOn(0, 5, false, 0);
    expect(bench.names).toEqual(['0:1', '0:2', '0:4', '0:5']);
    paths.arrivedOn(1, 6, true, 0);
    paths.arrivedOn(1, 7, true, 0);
    expect(bench.names).toEqual(['0:1', '0:2', '1:6', '1:7']);
    paths.lose(1, 7);
    paths.arrivedOn(1, 8, true, 0);
    expect(bench.names).toEqual(['0:1', '0:2', '1:6', '1:8']);
    paths.arrivedOn(1, 9, true, 0);
    expect(bench.names).toEqual(['0:1', '1:6', '1:8', '1:9']);
    expect(bench.host.kept).toEqual(['0:1', '1:6', '1:8', '1:9']);
  });

  it('change places: the old one is kept for a while, and forgotten once the new one is proved', () => {
    const bench = new Bench();
    const { paths, first, host } = bench;
    const next = paths.arrivedOn(0, 2, false, 1);
    expect(paths.activate(next, 1_000)).toBe(true);
    expect(paths.active).toBe(next);
    expect(paths.fallback()).toBe(first);
    // Not proved: there may be no other way.
    expect(paths.expire(5_000)).toBeUndefined();
    expect(bench.names).toEqual(['0:2', '0:1']);
    next.isValidated = true;
    expect(paths.deadline).toBe(1_000);
    paths.expire(999);
    expect(bench.names).toEqual(['0:2', '0:1']);
    paths.expire(1_000);
    expect(bench.names).toEqual(['0:2']);
    expect(host.released).toEqual([{ slot: 1, code: CloseCode.normal }]);
    expect(paths.deadline).toBe(NEVER);
  });

  it('are the same host only on one carrier, and never on a connection or a broken path', () => {
    const other = new Bench();
    expect(other.paths.activate(other.paths.arrivedOn(0, 200, false, 1), 0)).toBe(false);
    const connection = new Bench({ reliable: true });
    expect(connection.paths.activate(connection.paths.arrivedOn(1, 2, true, 1), 0)).toBe(false);
    const carrier = new Bench();
    expect(carrier.paths.activate(carrier.paths.arrivedOn(2, 2, false, 1), 0)).toBe(false);
    const broken = new Bench();
    broken.first.isLost = true;
    expect(broken.paths.activate(broken.paths.arrivedOn(0, 2, false, 1), 0)).toBe(false);
  });

  it('have a way back only to what was used, proved and lives, the last one first', () => {
    const { paths, first } = new Bench();
    expect(paths.fallback()).toBeUndefined();
    const tried = paths.arrivedOn(1, 2, true, 1);
    expect(paths.fallback()).toBeUndefined();
    paths.activate(tried, 100);
    const third = paths.arrivedOn(0, 3, false, 2);
    paths.activate(third, 100);
    expect(paths.fallback()).toBe(tried);
    paths.lose(1, 2);
    expect(paths.fallback()).toBe(first);
    first.isValidated = false;
    expect(paths.fallback()).toBeUndefined();
  });

  it('are given up only when they are not in use, and only once', () => {
    const bench = new Bench();
    const path = bench.paths.tryOut(0, 2, false);
    bench.paths.abandon(bench.first);
    bench.paths.abandon(path);
    bench.paths.abandon(path);
    expect(bench.host.kept).toEqual(['0:1']);
  });
});

describe('a challenge', () => {
  it('is sent at once, then twice more with growing waits, then nobody answers there', () => {
    const bench = new Bench();
    const path = bench.paths.arrivedOn(0, 2, false, 1);
    path.receivedBytes = 1000;
    bench.paths.ask(path);
    expect(bench.paths.isDue(0)).toBe(true);
    expect(bench.paths.deadline).toBe(0);
    const times: number[] = [];
    let failed: Path | undefined;
    for (let now = 0; now < 10_000 && failed === undefined; now++) {
      if (now < bench.paths.deadline) continue;
      failed = bench.paths.expire(now);
      const { full, said } = bench.write(now);
      expect(full).toBe(false);
      if (said.length > 0) times.push(now);
      expect(said.every(([where, what]) => where === '0:2' && what === 'pathChallenge')).toBe(true);
    }
    expect(times).toEqual([0, 200, 600]);
    expect(failed).toBe(path);
    expect(path.challenge).toBeUndefined();
  });

  it('waits three seconds at most the first time, however slow the path seems', () => {
    const bench = new Bench();
    bench.ptoMs = 60_000;
    bench.paths.ask(bench.first);
    expect(bench.write(0).said).toHaveLength(1);
    expect(bench.paths.deadline).toBe(3_000);
    expect(bench.write(3_000).said).toHaveLength(1);
    expect(bench.paths.deadline).toBe(9_000);
  });

  it('keeps its bytes, and is not asked twice at a time', () => {
    const { paths, first } = new Bench();
    paths.ask(first);
    const { challenge } = first;
    paths.ask(first);
    expect(first.challenge).toBe(challenge);
  });

  it('is answered by the same bytes on the same path only, and tells the round trip', () => {
    const bench = new Bench({ validated: false });
    const other = bench.paths.arrivedOn(0, 2, false, 1);
    bench.paths.ask(bench.first);
    const { data } = bench.first.challenge!;
    expect(bench.answer(other, 5, { data })).toBe(false);
    expect(bench.answer(bench.first, 5, { data: new Uint8Array(8) })).toBe(false);
    expect(bench.first.isValidated).toBe(false);
    expect(bench.answer(bench.first, 1_030, { ts: 1_000 })).toBe(true);
    expect(bench.first).toMatchObject({ isValidated: true, rttMs: 30, challenge: undefined });
    expect(bench.answer(bench.first, 1_040, { data })).toBe(false);
    bench.paths.ask(bench.first);
    bench.answer(bench.first, 1_000, { ts: 2_000 });
    expect(bench.first.rttMs).toBe(0);
  });

  it('of a client asks for something else, too, on the path in use: probes alone would not bring the gateway there', () => {
    const bench = new Bench();
    bench.isClient = true;
    bench.paths.tryOut(0, 2, false);
    bench.paths.ask(bench.first);
    expect(bench.write(0).said).toEqual([
      ['0:1', 'pathChallenge windowAsk'],
      ['0:2', 'pathChallenge'],
    ]);
  });

  it('counts as sent when its path has no budget, and waits when the arena is full', () => {
    const bench = new Bench({ validated: false });
    bench.paths.ask(bench.first);
    expect(bench.write(0)).toEqual({ full: false, said: [] });
    expect(bench.first.challenge?.isDue(0)).toBe(false);
    const small = new Bench();
    small.paths.ask(small.first);
    expect(small.write(0, 10)).toEqual({ full: true, said: [] });
    expect(small.first.challenge?.isDue(0)).toBe(true);
  });

  it('is forgotten when its connection breaks', () => {
    const bench = new Bench({ reliable: true });
    bench.paths.ask(bench.first);
    bench.first.isFull = true;
    expect(bench.paths.lose(1, 1)).toBe(bench.first);
    expect(bench.first).toMatchObject({ isLost: true, isFull: false, challenge: undefined });
    expect(bench.paths.lose(1, 77)).toBeUndefined();
  });
});

describe("the peer's challenge", () => {
  it('is returned on the path it came on, the last one for all, once', () => {
    const bench = new Bench();
    const path = bench.paths.arrivedOn(0, 2, false, 1);
    path.isValidated = true;
    const memory = wireMemory(new Uint8Array(64));
    for (const value of [1, 2]) {
      const data = new Uint8Array(8).fill(value);
      writeAnySegment(memory, 0, { type: 'pathChallenge', conv: CONV, wnd: 0, una: 0, ts: value, data });
      bench.paths.handleChallenge(path, memory.view, 0);
    }
    expect([path.answer, path.answerTimestamp]).toEqual([new Uint8Array(8).fill(2), 2]);
    expect(bench.paths.isDue(0)).toBe(true);
    expect(bench.write(0).said).toEqual([['0:2', 'pathResponse']]);
    expect(bench.write(0).said).toEqual([]);
    expect(bench.paths.isDue(0)).toBe(false);
  });
});
