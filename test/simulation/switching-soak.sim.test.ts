import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { LineTransport } from '../../src/client/login-answer.ts';
import { onNetwork } from './multi-path-network.ts';
import { seeds, withSeed } from './seeds.ts';
import { conditions, SwitchingWorld, type LineConditions, type SwitchingSetup } from './switching-world.ts';

/*
 * Random lines, traffic and weather, and a monitor in between that must cope: the stream stays whole, the session lives as long
 * as it has a line, nobody moves more often than there is reason to, nothing is left over, and when all is well again the
 * monitor is at rest.
 */

const TRAFFICS = [
  { upBytes: 1_000, downBytes: 0, everyMs: 20 },
  { upBytes: 0, downBytes: 1_000, everyMs: 20 },
  { upBytes: 64, downBytes: 64, everyMs: 33 },
  { upBytes: 64, downBytes: 64, everyMs: 500 },
  { upBytes: 64, downBytes: 0, everyMs: 3_000 },
  { upBytes: 0, downBytes: 0, everyMs: 1_000 },
] as const;
const TRANSPORTS: readonly LineTransport[] = ['udp', 'udp', 'tcp', 'ws'];
const CHANGES = 25;
const USUAL_RUNS = 20;

function pick<Value>(random: SeededRandom, values: readonly Value[]): Value {
  return values[random.nextInt(values.length)]!;
}

function someConditions(random: SeededRandom): LineConditions {
  return conditions({
    delayMs: 2 + random.nextInt(100),
    jitterMs: random.nextInt(30),
    lossRate: random.nextInt(4) === 0 ? random.nextInt(30) / 100 : 0,
  });
}

function someSetup(random: SeededRandom): SwitchingSetup {
  const lines = Array.from({ length: 1 + random.nextInt(5) }, (_, number) => {
    const transport = pick(random, TRANSPORTS);
    return { id: `${transport}${number}`, transport, at: someConditions(random) };
  });
  return {
    lines,
    traffic: pick(random, TRAFFICS),
    seal: random.nextInt(4) === 0 ? 'clear' : 'aead',
    options: { copies: random.nextInt(2) === 0 },
  };
}

/** Makes the weather of a line another one. The first line that is well stays so: somebody has to get through. */
function changeSomething(
  random: SeededRandom,
  world: SwitchingWorld,
  setup: SwitchingSetup,
  shelter: string,
): void {
  const { id } = pick(random, setup.lines);
  if (id === shelter) {
    world.change(id, { delayMs: 2 + random.nextInt(100), jitterMs: random.nextInt(30) });
    return;
  }
  switch (random.nextInt(6)) {
    case 0:
      return world.change(id, { isDark: true });
    case 1:
      return world.breakConnections(id);
    case 2:
      return world.change(id, { isRefused: true });
    case 3:
      return world.monitor.networkChanged(world.now);
    default:
      return world.change(id, { ...someConditions(random), isDark: false, isRefused: false });
  }
}

function run(seed: number): void {
  onNetwork({ seed }, (network) => {
    const random = new SeededRandom(seed, 3);
    const setup = someSetup(random);
    const world = new SwitchingWorld(network, seed, setup);
    const shelter = pick(random, setup.lines).id;
    // Who breaks off before the gateway has seen the end of the handshake begins anew.
    world.runFor(1_000);
    for (let i = 0; i < CHANGES; i++) {
      changeSomething(random, world, setup, shelter);
      world.runFor(100 + random.nextInt(random.nextInt(3) === 0 ? 30_000 : 3_000));
      world.check();
    }
    const movesBefore = world.visits.length;
    expect(movesBefore, 'moves').toBeLessThanOrEqual(1 + 3 * CHANGES);
    for (const { id } of setup.lines) world.change(id, { ...conditions(), isDark: false, isRefused: false });
    world.breakStalled();
    world.runFor(45_000);
    world.check();
    expect(world.session.state, world.text).toBe('open');
    if (world.up.isUsed || world.down.isUsed) expect(world.msUntilFlowing(5_000)).toBeLessThan(5_000);
    const isBack = world.visits.length - movesBefore;
    expect(isBack, 'moves when all is well').toBeLessThanOrEqual(3);
    const { decisions, state } = world.monitor;
    expect(['active', 'fallback', 'probation']).toContain(state);
    expect(world.openTrials, 'lines that are prepared').toBe(0);
    const unsettled = decisions.filter(({ outcome, at }) => outcome === null && at < world.now - 10_000);
    expect(unsettled, 'decisions without outcome').toEqual([]);
    expect(world.up.wrongBytes + world.down.wrongBytes, 'wrong bytes').toBe(0);
    world.end();
  });
}

describe('a monitor in changing weather', () => {
  const runs = Number(env.KCPGATE_SWITCHING_RUNS ?? USUAL_RUNS);
  it('keeps the session alive and itself in order', () => {
    for (const seed of seeds(...Array.from({ length: runs }, (_, i) => i + 1))) withSeed(seed, run);
  }, 300_000);
});
