import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../../../src/base/seeded-random.ts';
import { worstDetectionMs } from '../../../../../tools/kcpgate/upstream-check/check-options.ts';
import { filesFor } from '../../../../../tools/kcpgate/upstream-check/include-text.ts';
import type { FrontStates } from '../../../../../tools/kcpgate/upstream-check/include-text.ts';
import { FRONT_KINDS } from '../../../../../tools/kcpgate/nginx/include-files.ts';
import { gatewayOf, OPTIONS, SimulatedFront } from './simulated-front.ts';

function randomOf(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.nextFloat();
}

describe('a gateway that hangs', () => {
  it('is down within three intervals, whenever it stopped and however rounds are spread', () => {
    const { intervalMs } = OPTIONS;
    const took: number[] = [];
    for (const jitterSeed of [1, 2, 3, 4]) {
      for (let phase = 0; phase < 2 * intervalMs; phase += 11) {
        const front = new SimulatedFront(2, { random: randomOf(jitterSeed * 10_000 + phase) });
        const stopsAt = 4000 + phase;
        front.gateway(2).behave = (_, now) => (now >= stopsAt ? 'hangs' : 'answers');
        front.runUntil(stopsAt + 3 * intervalMs);
        expect(front.statesOf(2), `phase ${String(phase)}, seed ${String(jitterSeed)}`).toBe(
          'down down down',
        );
        took.push(front.events[0]!.at - stopsAt);
        // And nginx is told, of all that it is asked for.
        const [apply, ...others] = front.applies;
        expect(apply!.at - stopsAt).toBeLessThanOrEqual(3 * intervalMs);
        expect(apply!.gone).toEqual([2]);
        expect(others).toEqual([]);
      }
    }
    expect(Math.max(...took)).toBeLessThanOrEqual(worstDetectionMs(OPTIONS));
    // The test covers the worst case: right after a probe was answered.
    expect(Math.max(...took)).toBeGreaterThan(2 * intervalMs);
    expect(Math.min(...took)).toBeLessThan(1.5 * intervalMs);
  });

  it('is down in time with the longest timeout and the largest jitter that are allowed', () => {
    for (let phase = 0; phase < 1000; phase += 13) {
      const front = new SimulatedFront(2, { timeoutMs: 999, random: randomOf(phase) });
      const stopsAt = 5000 + phase;
      front.gateway(1).behave = (_, now) => (now >= stopsAt ? 'hangs' : 'answers');
      front.runUntil(stopsAt + 3000);
      expect(front.statesOf(1)).toBe('down down down');
    }
  });

  it('is written at once after quiet, in all its files with one reload', () => {
    const front = new SimulatedFront(2, { random: randomOf(5) });
    front.at(20_000, () => front.set(2, 'hangs'));
    front.runUntil(30_000);
    const [apply, ...others] = front.applies;
    expect(others).toEqual([]);
    const down = front.events.filter(({ type }) => type === 'state');
    expect(down).toHaveLength(3);
    expect(apply!.at).toBe(down[0]!.at);
    for (const kind of FRONT_KINDS) {
      expect(apply!.files.get(`pool-${kind}.inc`)).toMatch(/^server .* down; # gw-2$/m);
      expect(apply!.files.get(`owners-${kind}.inc`)).toMatch(new RegExp(`^2 kcpgate_${kind}_pool;`, 'm'));
    }
  });
});

describe('kinds of access', () => {
  it('are up and down on their own', () => {
    const front = new SimulatedFront(2);
    front.set(1, 'refuses', 'tcp');
    front.runUntil(5000);
    expect(front.statesOf(1)).toBe('up down up');
    expect(front.files.get('pool-tcp.inc')).toMatch(/ down; # gw-1$/m);
    expect(front.files.get('pool-udp.inc')).not.toMatch(/ down;/);
    // Its sessions are there: told by another gateway that they are gone, their clients would give them up.
    expect(front.files.get('owners-tcp.inc')).toContain('1 kcpgate_tcp_1;');
    expect(front.files.get('owners-udp.inc')).toContain('1 kcpgate_udp_1;');
    expect(front.events[0]).toMatchObject({
      gateway: 'gw-1',
      kind: 'tcp',
      reason: 'refused, 2 times in a row',
    });
  });

  it('mean that sessions are gone when none of them answers', () => {
    const front = new SimulatedFront(2, { reloadIntervalMs: 0 });
    front.set(1, 'refuses', 'tcp');
    front.at(5000, () => {
      front.set(1, 'hangs');
    });
    front.runUntil(9000);
    for (const kind of FRONT_KINDS) {
      expect(front.files.get(`owners-${kind}.inc`)).toContain(`1 kcpgate_${kind}_pool;`);
    }
  });

  it('lead no login to a gateway of which only HTTP answers', () => {
    const front = new SimulatedFront(2);
    front.set(1, 'hangs', 'udp', 'tcp');
    front.runUntil(5000);
    expect(front.statesOf(1)).toBe('down down up');
    expect(front.files.get('pool-http.inc')).toMatch(/ down; # gw-1$/m);
    expect(front.files.get('owners-http.inc')).toContain('1 kcpgate_http_1;');
    expect(front.files.get('owners-udp.inc')).toContain('1 kcpgate_udp_1;');
  });

  it('are told together when a gateway stops in the middle of a round', () => {
    const front = new SimulatedFront(2);
    // Its UDP is asked too late in one round, everything in the next.
    front.gateway(1).behave = (kind, now) =>
      now >= (kind === 'udp' ? 10_000 : 10_600) ? 'hangs' : 'answers';
    front.runUntil(14_000);
    expect(front.applies).toHaveLength(1);
    expect(front.files.get('owners-udp.inc')).toContain('1 kcpgate_udp_pool;');
    expect(front.files.get('owners-http.inc')).toContain('1 kcpgate_http_pool;');
  });

  it('drain together, whichever of them tells', () => {
    const front = new SimulatedFront(2);
    front.set(1, 'refuses', 'udp');
    front.runUntil(5000);
    front.gateway(1).condition = { draining: true };
    front.runUntil(7000);
    expect(front.statesOf(1)).toBe('down draining draining');
    expect(front.statesOf(2)).toBe('up up up');
  });
});

describe('what a gateway says of itself', () => {
  it('is believed at once when it takes no sessions, and after rise answers when it does again', () => {
    const front = new SimulatedFront(2, { reloadIntervalMs: 0 });
    front.runUntil(10_000);
    front.gateway(1).condition = { notReady: true };
    front.runUntil(11_100);
    expect(front.statesOf(1)).toBe('draining draining draining');
    expect(front.events.at(-1)).toMatchObject({ to: 'draining', reason: 'says that it is not ready' });
    expect(front.files.get('pool-udp.inc')).toMatch(/ down; # gw-1$/m);
    expect(front.files.get('owners-udp.inc')).toContain('1 kcpgate_udp_1;');
    front.gateway(1).condition = {};
    front.runUntil(12_000);
    expect(front.stateOf(1, 'udp')).toBe('draining');
    front.runUntil(13_300);
    expect(front.statesOf(1)).toBe('up up up');
  });

  it('about its load counts above the limit, until it is an eighth below', () => {
    const front = new SimulatedFront(2, { maxLoad: 200 });
    const loads: (readonly [number, string])[] = [
      [200, 'up'],
      [201, 'draining'],
      [190, 'draining'],
      [176, 'draining'],
      [175, 'up'],
      [199, 'up'],
      [255, 'draining'],
    ];
    let at = 0;
    for (const [load, state] of loads) {
      front.gateway(1).condition = { load };
      front.runUntil((at += 4000));
      expect([load, front.stateOf(1, 'udp')]).toEqual([load, state]);
    }
    expect(front.events.at(-1)).toMatchObject({ reason: 'load 255 is above 200' });
  });

  it('about its start shows that it was started anew, once', () => {
    const front = new SimulatedFront(1);
    front.runUntil(5000);
    front.gateway(1).condition = { epochSeconds: 2000 };
    front.runUntil(9000);
    const { at: _, ...event } = front.events[0]!;
    expect(event).toEqual({ type: 'restarted', gateway: 'gw-1', epochSeconds: 2000 });
    expect(front.events).toHaveLength(1);
    expect(front.applies).toEqual([]);
  });
});

describe('without a gateway that is up', () => {
  it('the files are left as they are when all failed, and that is told', () => {
    const front = new SimulatedFront(3);
    front.runUntil(10_000);
    for (const id of [1, 2, 3]) front.set(id, 'hangs', 'udp');
    front.runUntil(30_000);
    expect(front.events.filter(({ type }) => type === 'panic')).toMatchObject([{ kind: 'udp', isOn: true }]);
    expect(front.files.get('pool-udp.inc')).not.toMatch(/ down;/);
    expect(front.files.get('owners-udp.inc')).not.toMatch(/pool;/);
    front.set(2, 'answers');
    front.runUntil(40_000);
    expect(front.events.at(-1)).toMatchObject({ type: 'panic', kind: 'udp', isOn: false });
    expect(front.files.get('pool-udp.inc')!.match(/ down;/g)).toHaveLength(2);
  });

  it('those that drain get sessions rather than those that are down', () => {
    const front = new SimulatedFront(2);
    front.set(1, 'hangs');
    front.gateway(2).condition = { draining: true };
    front.runUntil(20_000);
    expect([front.statesOf(1), front.statesOf(2)]).toEqual(['down down down', 'draining draining draining']);
    expect(front.files.get('pool-udp.inc')).toMatch(/ down; # gw-1$/m);
    expect(front.files.get('pool-udp.inc')).toMatch(/max_fails=0; # gw-2$/m);
  });
});

describe('a process that did not run when it should have', () => {
  it('takes nothing for down, and asks again at once', () => {
    const front = new SimulatedFront(3);
    front.runUntil(10_000);
    for (const id of [1, 2, 3]) {
      const { behave } = front.gateway(id);
      front.gateway(id).behave = (kind, now) =>
        now >= 10_000 && now < 10_600 ? 'discards' : behave(kind, now);
    }
    front.runUntil(20_000);
    expect(front.events).toEqual([]);
    const late = front.outcomes.filter(({ outcome }) => outcome.result === 'discarded');
    expect(late.length).toBeGreaterThanOrEqual(6);
    for (const { at, gateway } of late) {
      const next = front.outcomes.find((other) => other.gateway === gateway && other.at > at);
      expect(next!.at - at).toBeLessThanOrEqual(OPTIONS.timeoutMs);
    }
  });

  it('sees a gateway that never answers all the same when it is late always', () => {
    const front = new SimulatedFront(2);
    front.set(1, 'discards');
    front.runUntil(10_000);
    expect(front.statesOf(1)).toBe('down down down');
    expect(front.statesOf(2)).toBe('up up up');
  });
});

describe('the beginning', () => {
  const allUp: FrontStates = new Map();

  it('goes on from what the files say: no change, no reload', () => {
    const files = filesFor(
      [gatewayOf(1), gatewayOf(2)],
      new Map([['udp', new Map([['gw-1', 'draining' as const]])]]),
      'x',
    );
    const front = new SimulatedFront(2, { files });
    expect(front.statesOf(1)).toBe('down up up');
    front.set(1, 'refuses', 'udp');
    front.runUntil(60_000);
    expect(front.applies).toEqual([]);
    expect(front.events).toEqual([]);
  });

  it('corrects what they say when the probes find something else', () => {
    const draining = new Map([['gw-2', 'draining' as const]]);
    const files = filesFor(
      [gatewayOf(1), gatewayOf(2)],
      new Map(FRONT_KINDS.map((kind) => [kind, draining])),
      'x',
    );
    const front = new SimulatedFront(2, { files });
    expect(front.statesOf(2)).toBe('draining draining draining');
    front.runUntil(10_000);
    expect(front.statesOf(2)).toBe('up up up');
    expect(front.applies).toHaveLength(1);
  });

  it('writes missing files, but asks first', () => {
    const front = new SimulatedFront(2, { files: new Map() });
    front.set(2, 'refuses');
    front.runUntil(10_000);
    expect(front.applies).toHaveLength(1);
    expect(front.files.get('pool-udp.inc')).toMatch(/ down; # gw-2$/m);
  });

  it('tells nginx of files that it may not know', () => {
    const front = new SimulatedFront(2, {
      files: filesFor([gatewayOf(1), gatewayOf(2)], allUp, 'x'),
      needsReload: true,
    });
    front.runUntil(10_000);
    expect(front.applies).toHaveLength(1);
  });

  it('does not wait for ever for a gateway that is now like that, now like this', () => {
    const front = new SimulatedFront(2, { files: new Map() });
    let count = 0;
    front.gateway(1).behave = (kind) => (kind === 'udp' && count++ % 4 < 2 ? 'refuses' : 'answers');
    front.runUntil(6000);
    expect(front.applies).toHaveLength(1);
  });
});

describe('attempts that fail', () => {
  it('are repeated ever less often, with what is right by then', () => {
    const front = new SimulatedFront(2, { reloadIntervalMs: 1000 });
    front.applySucceeds = () => front.now > 100_000;
    front.set(1, 'refuses');
    front.at(50_000, () => {
      front.set(2, 'refuses', 'http');
    });
    front.runUntil(200_000);
    const gaps = front.applies
      .slice(1)
      .map(({ at }, index) => Math.round((at - front.applies[index]!.at) / 1000));
    expect(gaps.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
    expect(front.applies.at(-1)!.ok).toBe(true);
    expect(front.check.isBehind).toBe(false);
    // Neither answers over HTTP; one of them lives.
    expect(front.files.get('pool-http.inc')).toMatch(/ down; # gw-1$/m);
    expect(front.files.get('owners-http.inc')).toContain('2 kcpgate_http_2;');
    expect(front.files.get('pool-udp.inc')).toMatch(/ down; # gw-1$/m);
  });
});
