import { expect, it } from 'vitest';
import { SeededRandom } from '../../../../../src/base/seeded-random.ts';
import { FRONT_KINDS, type FrontKind } from '../../../../../tools/kcpgate/nginx/include-files.ts';
import { filesFor, isSameFiles } from '../../../../../tools/kcpgate/upstream-check/include-text.ts';
import { SimulatedFront, type Behaviour } from './simulated-front.ts';

const RUNS = 100;
const STORM_MS = 60_000;
const SEED = Number(process.env.KCPGATE_SEED ?? 20_260);

/** Anything happens to the gateways of a front for a minute, then nothing more. */
function randomFront(seed: number): SimulatedFront {
  const random = new SeededRandom(seed);
  const below = (end: number): number => random.nextInt(end);
  const pick = <Value>(values: readonly Value[]): Value => values[below(values.length)]!;
  const rise = 1 + below(3);
  const fall = 1 + below(3);
  const front = new SimulatedFront(1 + below(4), {
    ...{ rise, fall, maxLoad: pick([null, 100]), reloadIntervalMs: pick([0, 1000, 5000]) },
    random: () => random.nextFloat(),
  });
  const id = (): number => 1 + below(front.gateways.length);
  const behaviour = (): Behaviour => pick(['answers', 'answers', 'hangs', 'refuses', 'discards']);
  for (let step = 0; step < 40; step++) {
    front.at(below(STORM_MS), () => {
      const target = id();
      switch (below(4)) {
        case 0:
          return front.set(target, behaviour(), pick(FRONT_KINDS));
        case 1:
          return front.set(target, behaviour());
        case 2:
          front.gateway(target).condition = {
            draining: pick([true, false]),
            load: pick([0, 90, 95, 101, 255]),
            epochSeconds: pick([1000, 2000]),
          };
          return;
        default: {
          const succeeds = pick([true, true, false]);
          front.applySucceeds = () => succeeds;
        }
      }
    });
  }
  front.at(STORM_MS, () => (front.applySucceeds = () => true));
  return front;
}

it(`whatever happens, what nginx is told has reasons (seed ${String(SEED)})`, () => {
  let changes = 0;
  let applies = 0;
  for (let run = 0; run < RUNS; run++) {
    const seed = SEED + run;
    const front = randomFront(seed);
    front.runUntil(STORM_MS + 200_000);
    expect(faultsOf(front), `seed ${String(seed)}`).toEqual([]);
    changes += front.events.length;
    applies += front.applies.length;
  }
  // The runs are eventful.
  expect(changes).toBeGreaterThan(RUNS * 10);
  expect(applies).toBeGreaterThan(RUNS * 3);
});

function faultsOf(front: SimulatedFront): string[] {
  return [
    ...front.applies.flatMap(({ at, files }) =>
      emptyPools(files).map((name) => `${name} empty at ${String(at)}`),
    ),
    ...tooSoon(front),
    ...tornAway(front),
    ...withoutEvidence(front),
    ...notSeen(front),
    ...(front.check.isBehind ? ['never caught up'] : []),
    ...(isSameFiles(front.files, filesFor(front.gateways, front.check.states(), '')) ? [] : ['other files']),
  ];
}

/** Nothing has changed for long: what the check thinks is what is. */
function notSeen(front: SimulatedFront): string[] {
  return front.gateways.flatMap(({ name, gatewayId }) => {
    const { behave, condition } = front.gateway(gatewayId);
    const answering = FRONT_KINDS.filter((kind) => behave(kind, front.now) === 'answers');
    const { maxLoad } = front.options;
    const isBusy = maxLoad !== null && (condition.load ?? 0) > maxLoad;
    return FRONT_KINDS.flatMap((kind) => {
      const state = front.stateOf(gatewayId, kind);
      if (!answering.includes(kind)) return state === 'down' ? [] : [`${name} ${kind} is not down`];
      if (condition.draining === true || isBusy)
        return state === 'draining' ? [] : [`${name} ${kind} ${state!}`];
      return state === 'down' ? [`${name} ${kind} is down`] : [];
    });
  });
}

function emptyPools(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([name, text]) => {
    const servers = text.split('\n').filter((line) => line.startsWith('server'));
    return servers.length > 0 && servers.every((line) => line.includes(' down;')) ? [name] : [];
  });
}

/** Sessions are led elsewhere only when nothing of their gateway answers. */
function tornAway({ applies }: SimulatedFront): string[] {
  return applies.flatMap(({ at, files, ok, gone }) => {
    const lost = [...files].flatMap(([, text]) =>
      [...text.matchAll(/^(\d+) kcpgate_\w+_pool;/gm)].map(([, id]) => Number(id)),
    );
    const wrong = ok ? lost.filter((id) => !gone.includes(id)) : [];
    return wrong.map((id) => `sessions of gw-${String(id)} led away at ${String(at)}`);
  });
}

function tooSoon({ applies, options }: SimulatedFront): string[] {
  const { reloadIntervalMs } = options;
  return applies.slice(1).flatMap(({ at }, index) => {
    return at - applies[index]!.at < reloadIntervalMs ? [`reload at ${String(at)} too soon`] : [];
  });
}

/** Every change of up and down has as many equal results in a row before it as were asked for. */
function withoutEvidence(front: SimulatedFront): string[] {
  return front.events.flatMap((event) => {
    if (event.type !== 'state') return [];
    const { gateway, kind, from, to, at } = event;
    if (from !== 'down' && to !== 'down') return [];
    const results = resultsOf(front, gateway, kind, at);
    const wanted = to === 'down' ? front.options.fall : front.options.rise;
    const last = results.slice(-wanted);
    const isRight = last.length === wanted && last.every((isGood) => isGood === (to !== 'down'));
    return isRight ? [] : [`${gateway} ${kind} ${from} to ${to} at ${String(at)} after ${last.join(' ')}`];
  });
}

/** What probes found until then, those that count: a third late one in a row counts as a failure. */
function resultsOf(front: SimulatedFront, gateway: string, kind: FrontKind, until: number): boolean[] {
  let late = 0;
  return front.outcomes
    .filter((found) => found.gateway === gateway && found.kind === kind && found.at <= until)
    .flatMap(({ outcome }) => {
      late = outcome.result === 'discarded' ? late + 1 : 0;
      return outcome.result === 'discarded' && late < 3 ? [] : [outcome.result === 'answered'];
    });
}
