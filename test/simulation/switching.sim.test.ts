import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { onNetwork } from './multi-path-network.ts';
import { withSeed } from './seeds.ts';
import { conditions, SwitchingWorld, type SwitchingSetup, type Traffic } from './switching-world.ts';

/*
 * What a monitor makes of lines that die, get worse, and recover: real sessions over simulated lines, many seeds each. The tables
 * that are printed say how long data did not flow.
 */

const RUNS = Number(env.KCPGATE_SWITCHING_RUNS ?? 12);
const TRAFFICS = {
  upload: { upBytes: 1_000, downBytes: 0, everyMs: 10 },
  download: { upBytes: 0, downBytes: 1_000, everyMs: 10 },
  messages: { upBytes: 64, downBytes: 64, everyMs: 33 },
} as const satisfies Record<string, Traffic>;

/** Runs `scenario` in a world for each seed. */
function forSeeds(
  runs: number,
  setup: SwitchingSetup,
  scenario: (world: SwitchingWorld, seed: number) => void,
): void {
  for (let seed = 1; seed <= runs; seed++) {
    withSeed(seed, () => {
      onNetwork({ seed }, (network) => {
        const world = new SwitchingWorld(network, seed, setup);
        scenario(world, seed);
        world.check();
        expect(world.up.wrongBytes + world.down.wrongBytes, 'wrong bytes').toBe(0);
        expect(world.session.state, world.text).toBe('open');
        world.end();
      });
    });
  }
}

/** The smallest time that `percent` of the runs did not exceed. */
function percentile(times: readonly number[], percent: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

function row(name: string, times: readonly number[]): string {
  const [p50, p99, max] = [percentile(times, 50), percentile(times, 99), Math.max(...times)];
  return `${name.padEnd(56)} p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}

const udpAndTcp = (delayMs: number, jitterMs: number, lossRate: number): SwitchingSetup['lines'] => {
  const at = conditions({ delayMs, jitterMs, lossRate });
  return [
    { id: 'udp', transport: 'udp', at },
    { id: 'tcp', transport: 'tcp', at },
  ];
};

describe('UDP that meets a black hole', () => {
  const cases = Object.keys(TRAFFICS).flatMap((name) =>
    [10, 45].flatMap((delayMs) =>
      ['copies', 'no copies', 'clear'].map((way) => ({ name: name as keyof typeof TRAFFICS, delayMs, way })),
    ),
  );
  it.each(cases)(
    '$name, $delayMs ms each way, 5 % lost, $way: data flows over TCP within a second',
    ({ name, delayMs, way }) => {
      const times: number[] = [];
      const setup: SwitchingSetup = {
        lines: udpAndTcp(delayMs, 5, 0.05),
        traffic: TRAFFICS[name],
        options: { copies: way === 'copies' },
        seal: way === 'clear' ? 'clear' : 'aead',
      };
      forSeeds(RUNS, setup, (world, seed) => {
        world.runFor(3_000 + 13 * seed);
        // Only then is a connection opened.
        expect(world.connectionsOpened).toBe(0);
        expect(world.visits).toHaveLength(1);
        world.change('udp', { isDark: true });
        times.push(world.msUntilFlowing(10_000));
        world.runFor(3_000);
        expect(world.line).toBe('tcp');
        const { decisions } = world.monitor;
        expect(decisions.at(0)?.action).toBe('suspect');
        expect(decisions.find(({ action }) => action === 'move')?.outcome?.result).toBe('done');
      });
      console.log(row(`black hole, ${name}, ${2 * delayMs} ms, ${way}`, times));
      expect(percentile(times, 98)).toBeLessThanOrEqual(1_000);
      expect(Math.max(...times)).toBeLessThanOrEqual(1_500);
    },
    60_000,
  );

  it('and another UDP line: data flows there', () => {
    const times: number[] = [];
    const at = conditions({ delayMs: 25, jitterMs: 5, lossRate: 0.02 });
    const setup: SwitchingSetup = {
      lines: [
        { id: 'udpA', transport: 'udp', at },
        { id: 'tcp', transport: 'tcp', at },
        { id: 'udpB', transport: 'udp', at },
      ],
      traffic: TRAFFICS.messages,
    };
    forSeeds(RUNS, setup, (world, seed) => {
      world.runFor(20_000 + 13 * seed);
      world.change('udpA', { isDark: true });
      times.push(world.msUntilFlowing(10_000));
      world.runFor(2_000);
      expect(world.line, world.text).toBe('udpB');
    });
    console.log(row('black hole, another UDP line', times));
    expect(Math.max(...times)).toBeLessThanOrEqual(1_000);
  }, 60_000);

  it('for half a second: the session is back where it was, or stays whole elsewhere, and does not go back and forth', () => {
    let moves = 0;
    forSeeds(RUNS, { lines: udpAndTcp(20, 5, 0.01), traffic: TRAFFICS.messages }, (world, seed) => {
      world.runFor(3_000 + 13 * seed);
      world.change('udp', { isDark: true });
      world.runFor(500);
      world.change('udp', { isDark: false });
      world.runFor(60_000);
      expect(world.line, world.text).toBe('udp');
      moves += world.visits.length - 1;
    });
    expect(moves).toBeLessThanOrEqual(2 * RUNS);
  }, 60_000);

  it('too, as all lines: the session goes on where it can as soon as that is possible', () => {
    const times: number[] = [];
    forSeeds(RUNS, { lines: udpAndTcp(20, 5, 0), traffic: TRAFFICS.messages }, (world, seed) => {
      world.runFor(3_000 + 13 * seed);
      world.change('udp', { isDark: true });
      world.change('tcp', { isDark: true });
      world.runFor(10_000);
      world.change(seed % 2 === 0 ? 'udp' : 'tcp', { isDark: false });
      times.push(world.msUntilFlowing(15_000));
    });
    console.log(row('everything dark for 10 s', times));
    expect(Math.max(...times)).toBeLessThanOrEqual(7_000);
  }, 60_000);
});

describe('UDP that gets 150 ms and 20 % loss', () => {
  it.each(['upload', 'download', 'messages'] as const)(
    '%s: a better line within seconds, no way back for 5 minutes, and back on UDP when that recovered',
    (name) => {
      const runs = Number(env.KCPGATE_SWITCHING_RUNS ?? (name === 'messages' ? 4 : 2));
      const leaving: number[] = [];
      const returning: number[] = [];
      const setup: SwitchingSetup = {
        lines: [
          { id: 'udp', transport: 'udp', at: conditions({ delayMs: 20, jitterMs: 5 }) },
          { id: 'tcp', transport: 'tcp', at: conditions({ delayMs: 25, jitterMs: 5 }) },
          { id: 'far', transport: 'ws', at: conditions({ delayMs: 60, jitterMs: 5 }) },
        ],
        traffic: { ...TRAFFICS[name], everyMs: 50 },
      };
      forSeeds(runs, setup, (world, seed) => {
        world.runFor(70_000 + 13 * seed);
        expect(world.visits, world.text).toHaveLength(1);
        const worseAtMs = world.now;
        world.change('udp', { delayMs: 95, lossRate: 0.2 });
        world.runFor(300_000);
        expect(world.visits, world.text).toHaveLength(2);
        expect(world.line, world.text).toBe('tcp');
        leaving.push(world.visits[1]!.atMs - worseAtMs);
        const betterAtMs = world.now;
        world.change('udp', { delayMs: 20, lossRate: 0 });
        world.runFor(400_000);
        expect(world.visits, world.text).toHaveLength(3);
        expect(world.line, world.text).toBe('udp');
        returning.push(world.visits[2]!.atMs - betterAtMs);
        // 1 % of the bytes, or 1 kbit/s; what it may spend at once comes on top.
        const { sentBytes, receivedBytes } = world.session.linkSignals();
        const allowed = Math.max((sentBytes + receivedBytes) / 100, (world.now / 1_000) * 125) + 7_500;
        expect(world.monitor.controlBytes).toBeLessThanOrEqual(allowed);
      });
      console.log(row(`+150 ms, 20 % lost, ${name}: left it after`, leaving));
      console.log(row(`+150 ms, 20 % lost, ${name}: back on UDP after`, returning));
      expect(Math.max(...leaving)).toBeLessThanOrEqual(12_000);
      expect(Math.max(...returning)).toBeLessThanOrEqual(330_000);
    },
    120_000,
  );
});

describe('a connection that is reset', () => {
  it.each([
    { name: 'the only line', lines: 1 },
    { name: 'beside a UDP line', lines: 2 },
  ])('$name: the session goes on', ({ name, lines }) => {
    const times: number[] = [];
    const [udp, tcp] = udpAndTcp(25, 5, 0.01);
    const setup = { lines: [tcp!, udp!].slice(0, lines), traffic: TRAFFICS.messages };
    forSeeds(RUNS, setup, (world, seed) => {
      world.runFor(3_000 + 13 * seed);
      world.breakConnections('tcp');
      times.push(world.msUntilFlowing(10_000));
      world.runFor(1_000);
      expect(world.openTrials).toBeLessThanOrEqual(2);
    });
    console.log(row(`reset, ${name}`, times));
    expect(percentile(times, 98)).toBeLessThanOrEqual(1_000);
  });
});

describe('lines that are well', () => {
  it('are not left, whatever is usual on networks: jitter, a little loss, pauses of the application', () => {
    let seconds = 0;
    let suspicions = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const random = new SeededRandom(seed, 9);
      const at = conditions({
        delayMs: 5 + random.nextInt(80),
        jitterMs: random.nextInt(30),
        lossRate: random.nextInt(4) / 100,
      });
      const others = [
        { id: 'udp2', transport: 'udp', at },
        { id: 'tcp', transport: 'tcp', at },
      ] as const;
      const setup: SwitchingSetup = {
        lines: [{ id: 'udp', transport: 'udp', at }, ...(seed % 2 === 0 ? others : [])],
        traffic: {
          upBytes: random.nextInt(2) * 300,
          downBytes: 300,
          everyMs: [20, 33, 500, 3_000][random.nextInt(4)]!,
        },
      };
      withSeed(seed, () => {
        onNetwork({ seed }, (network) => {
          const world = new SwitchingWorld(network, seed, setup);
          world.runFor(60_000);
          expect(world.visits, world.text).toHaveLength(1);
          suspicions += world.monitor.decisions.filter(({ action }) => action === 'suspect').length;
          seconds += 60;
          world.end();
        });
      });
    }
    console.log(`lines that are well: ${suspicions} suspicions and no move in ${seconds} s`);
    expect(suspicions).toBeLessThan(RUNS);
  }, 60_000);
});
