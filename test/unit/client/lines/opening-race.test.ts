import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NEVER } from '../../../../src/base/clock.ts';
import type { LineCandidate } from '../../../../src/client/lines/line-candidate.ts';
import { OpeningRace } from '../../../../src/client/lines/opening-race.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { candidatesOf, lineOf } from './lines.ts';

const T0 = 1000;

/** A race on a clock of its own. */
class Runner {
  readonly race: OpeningRace;
  readonly candidates: LineCandidate[];
  now = T0;
  /** `id` by the ms since the beginning at which it was started. */
  readonly starts: [number, string][] = [];

  constructor(lines: readonly Line[], firstIsRemembered = false) {
    this.candidates = candidatesOf(...lines);
    this.race = new OpeningRace(this.candidates, { now: T0, firstIsRemembered });
    this.startDue();
  }

  /** Goes on to a time, starting what becomes due, at the ms it does. */
  runTo(ms: number): this {
    while (this.race.nextAt() <= T0 + ms) {
      this.now = Math.max(this.now, this.race.nextAt());
      this.startDue();
    }
    this.now = T0 + ms;
    return this;
  }

  fail(id: string): this {
    this.race.failed(
      this.candidates.find(({ line }) => line.id === id)!,
      this.now,
    );
    this.startDue();
    return this;
  }

  startDue(): void {
    for (let next = this.race.next(this.now); next !== undefined; next = this.race.next(this.now)) {
      this.starts.push([this.now - T0, next.line.id]);
    }
  }
}

const udp = (id: string, more: Partial<Line> = {}): Line => lineOf(id, more);
const tcp = (id: string, more: Partial<Line> = {}): Line => lineOf(id, { transport: 'tcp', ...more });

describe('a race', () => {
  test('starts datagram lines at once, connections 200 ms later and 250 ms apart', () => {
    const run = new Runner([udp('a'), tcp('b'), udp('c'), tcp('d'), lineOf('e', { transport: 'wss' })]);
    expect(run.runTo(10_000).starts).toEqual([
      [0, 'a'],
      [0, 'c'],
      [200, 'b'],
      [450, 'd'],
      [700, 'e'],
    ]);
  });

  test('starts what worked the last time alone, whatever it is', () => {
    expect(new Runner([udp('a'), udp('b'), tcp('c')], true).runTo(10_000).starts).toEqual([
      [0, 'a'],
      [250, 'b'],
      [450, 'c'],
    ]);
    expect(new Runner([tcp('a'), udp('b'), tcp('c')], true).runTo(10_000).starts).toEqual([
      [0, 'a'],
      [250, 'b'],
      [450, 'c'],
    ]);
  });

  test('starts 16 datagram lines at once, the others one by one', () => {
    const run = new Runner(Array.from({ length: 18 }, (_, i) => udp(String(i))));
    expect(run.starts).toHaveLength(16);
    expect(run.runTo(10_000).starts.slice(16)).toEqual([
      [250, '16'],
      [500, '17'],
    ]);
  });

  test('starts lines of the next priority 250 ms later', () => {
    const lines = [udp('a'), tcp('b'), udp('c', { priority: 7 }), tcp('d', { priority: 7 })];
    expect(new Runner(lines).runTo(10_000).starts).toEqual([
      [0, 'a'],
      [200, 'b'],
      [250, 'c'],
      [450, 'd'],
    ]);
  });

  test('waits for nobody where there are only connections', () => {
    expect(new Runner([tcp('a'), tcp('b')]).runTo(10_000).starts).toEqual([
      [0, 'a'],
      [250, 'b'],
    ]);
  });

  test('goes on at once when everything under way has failed', () => {
    const run = new Runner([udp('a'), udp('b'), tcp('c'), tcp('d')]);
    run.runTo(20).fail('a').runTo(30).fail('b');
    expect(run.runTo(10_000).starts.slice(2)).toEqual([
      [30, 'c'],
      [280, 'd'],
    ]);
  });

  test('lets the others start at once when what worked the last time does not', () => {
    const run = new Runner([tcp('a'), udp('b'), tcp('c')], true);
    run.runTo(10).fail('a');
    expect(run.runTo(10_000).starts).toEqual([
      [0, 'a'],
      [10, 'b'],
      [210, 'c'],
    ]);
  });

  test('gives the turn of what failed to the next of its kind', () => {
    const run = new Runner([udp('a'), tcp('b'), tcp('c'), tcp('d')]);
    run.runTo(210).fail('b');
    expect(run.runTo(10_000).starts.slice(1)).toEqual([
      [200, 'b'],
      [210, 'c'],
      [460, 'd'],
    ]);
    const many = new Runner(Array.from({ length: 18 }, (_, i) => udp(String(i))));
    many.runTo(5).fail('3');
    expect(many.runTo(10_000).starts.slice(16)).toEqual([
      [5, '16'],
      [500, '17'],
    ]);
  });

  test('does not start a connection because one of several datagram lines failed', () => {
    const run = new Runner([udp('a'), udp('b'), tcp('c')]);
    run.runTo(5).fail('a');
    expect(run.runTo(10_000).starts[2]).toEqual([200, 'c']);
  });

  test('starts nothing more when it is decided', () => {
    const run = new Runner([udp('a'), tcp('b')]);
    run.race.decide();
    expect(run.race.nextAt()).toBe(NEVER);
    run.fail('a');
    expect(run.runTo(10_000).starts).toEqual([[0, 'a']]);
    expect(run.race.isLost).toBe(false);
  });

  test('is lost when the last has failed, and at once without candidates', () => {
    const run = new Runner([udp('a'), tcp('b')]);
    expect(run.fail('a').race.isLost).toBe(false);
    expect(run.fail('b').race.isLost).toBe(true);
    expect(new Runner([]).race.isLost).toBe(true);
  });

  test('ignores a failure of what was not started, or told twice', () => {
    const run = new Runner([udp('a'), udp('b'), tcp('c'), tcp('d')]);
    run.runTo(5).fail('c').fail('a').fail('a');
    expect(run.runTo(10_000).starts.slice(2)).toEqual([
      [200, 'c'],
      [450, 'd'],
    ]);
  });
});

test('whatever fails and when, every candidate is started once, connections never closer than they may be', () => {
  const lines = fc.array(
    fc.record({ isTcp: fc.boolean(), priority: fc.integer({ min: 0, max: 2 }), lifeMs: fc.nat(2000) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(lines, fc.boolean(), (specs, firstIsRemembered) => {
      const made = specs.map(({ isTcp, priority }, i) => (isTcp ? tcp : udp)(String(i), { priority }));
      const run = new Runner(
        [...made].sort((a, b) => a.priority - b.priority),
        firstIsRemembered,
      );
      const failures = new Map<string, number>();
      for (let ms = 0; !run.race.isLost && ms < 60_000; ms++) {
        run.runTo(ms);
        for (const [at, id] of [...run.starts]) {
          if (at + specs[Number(id)]!.lifeMs > ms || failures.has(id)) continue;
          failures.set(id, ms);
          run.fail(id);
        }
        // Nobody waits while nothing is under way.
        if (run.starts.length < made.length) expect(run.starts.length).toBeGreaterThan(failures.size);
      }
      expect(run.race.isLost).toBe(true);
      expect(run.starts.map(([, id]) => id).sort()).toEqual(made.map(({ id }) => id).sort());
      const connections = run.starts.filter(([, id]) => specs[Number(id)]!.isTcp);
      for (const [index, [at]] of connections.slice(1).entries()) {
        const [before] = connections[index]!;
        const hasFailure = [...failures.values()].some((ms) => ms >= before && ms <= at);
        expect(at - before >= 250 || hasFailure).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});
