import { didYouMean } from '../../../src/gateway/config/suggestion.ts';
import type { JitterShape } from '../relay/link-profile.ts';
import type { Change, Direction, Scope } from './change.ts';
import { isProfileName, PROFILE_NAMES } from './profiles.ts';
import { readDuration, readNumber, readQueue, readRate, readShare, shown } from './read-value.ts';
import { PERFECT_WEATHER, type Weather } from './weather.ts';
import { WordReader, type WordFault } from './words.ts';

/** A change, or what is wrong with the words. */
export type ParsedChange =
  { readonly ok: true; readonly change: Change } | { readonly ok: false; readonly fault: WordFault };

/** Reads `udp loss 10% down`: which relays, what, which way. */
export function parseChange(text: string): ParsedChange {
  const words = new WordReader(text);
  return finish(words, readChange(words));
}

/** Reads the rest of a line as a change; undefined when there is a fault. */
export function readChange(words: WordReader): Change | undefined {
  if (words.takeOne(['end']) !== undefined) return atEnd(words, { kind: 'end' });
  const scope = readScope(words);
  return scope === undefined ? undefined : readEffect(words, scope);
}

/** Reads what follows the scope: `loss 10% down`. */
export function readEffect(words: WordReader, scope: Scope): Change | undefined {
  const name = words.take('what is to be done');
  if (name === undefined) return undefined;
  const effect = EFFECTS.find((candidate) => candidate.name === name);
  if (effect === undefined) {
    return words.fail(`there is no "${shown(name)}"${hintFor(name, EFFECT_NAMES)}`);
  }
  if (scope === 'tcp' && effect.only === 'udp') return words.fail(`${name} ${NOT_ON_TCP}`);
  if (scope === 'udp' && effect.only === 'tcp') return words.fail(`${name} ${NOT_ON_UDP}`);
  const change = effect.read(words, scope);
  return change === undefined ? undefined : atEnd(words, change);
}

function finish(words: WordReader, change: Change | undefined): ParsedChange {
  if (words.fault !== null) return { ok: false, fault: words.fault };
  if (change === undefined) return { ok: false, fault: { column: 1, error: 'there is nothing' } };
  return { ok: true, change };
}

/** Effects that belong to the weather. */
export const WEATHER_EFFECTS = [
  'delay',
  'jitter',
  'loss',
  'burst',
  'duplicate',
  'reorder',
  'corrupt',
  'rate',
  'queue',
  'mtu',
  'outage',
] as const;

/** The names of all effects. */
export const EFFECT_NAMES: readonly string[] = [
  ...WEATHER_EFFECTS,
  ...['blackhole', 'profile', 'clear', 'rebind', 'stall', 'reset', 'fin', 'refuse'],
];

interface Effect {
  readonly name: string;
  /** Has a meaning on this carrier only. */
  readonly only?: 'udp' | 'tcp';
  readonly read: (words: WordReader, scope: Scope) => Change | undefined;
}

type ReadValues = (words: WordReader) => Partial<Weather> | undefined;

const EFFECTS: readonly Effect[] = [
  weather('delay', undefined, { delayMs: 0 }, (words) => field('delayMs', readDuration(words, 'the delay'))),
  weather('jitter', undefined, { jitterMs: 0 }, readJitter),
  weather('loss', 'udp', { lossRate: 0 }, (words) => field('lossRate', readShare(words, 'the loss'))),
  weather('burst', 'udp', { burst: null }, readBurst),
  weather('duplicate', 'udp', { duplicateRate: 0 }, (words) =>
    field('duplicateRate', readShare(words, 'the share of duplicates')),
  ),
  weather('reorder', 'udp', { reorderRate: 0 }, readReorder),
  weather('corrupt', 'udp', { corruptRate: 0 }, (words) =>
    field('corruptRate', readShare(words, 'the share that is corrupted')),
  ),
  weather('rate', undefined, { bytesPerSecond: Infinity }, (words) =>
    field('bytesPerSecond', readRate(words)),
  ),
  weather('queue', 'udp', { queue: null }, (words) => field('queue', readQueue(words))),
  weather('mtu', 'udp', { mtuBytes: PERFECT_WEATHER.mtuBytes }, (words) =>
    field('mtuBytes', readNumber(words, 'the MTU', 1, PERFECT_WEATHER.mtuBytes)),
  ),
  weather('outage', undefined, { outage: null }, readOutage),
  lasting('blackhole', undefined, 'isBlackHole'),
  lasting('stall', 'tcp', 'isStalled'),
  { name: 'profile', read: readProfile },
  { name: 'clear', read: (words, scope) => ({ kind: 'clear', scope, direction: readDirection(words) }) },
  {
    name: 'rebind',
    only: 'udp',
    read: (words, scope) => ({ kind: 'rebind', scope, how: words.takeOne(['port', 'address']) ?? 'port' }),
  },
  { name: 'reset', only: 'tcp', read: (_words, scope) => ({ kind: 'cut', scope, how: 'rst' }) },
  { name: 'fin', only: 'tcp', read: (_words, scope) => ({ kind: 'cut', scope, how: 'fin' }) },
  {
    name: 'refuse',
    only: 'tcp',
    read: (words, scope) => ({ kind: 'refuse', scope, isOn: words.takeOne(['on', 'off']) !== 'off' }),
  },
];

/** An effect with values, and what it is without. */
function weather(name: string, only: Effect['only'], off: Partial<Weather>, read: ReadValues): Effect {
  return {
    name,
    ...(only === undefined ? {} : { only }),
    read: (words, scope) => {
      const values = words.takeOne(['off']) === undefined ? read(words) : off;
      if (values === undefined) return undefined;
      return { kind: 'weather', scope, direction: readDirection(words), values, forMs: null };
    },
  };
}

/** An effect that is on, for a time or until it is off. */
function lasting(name: string, only: Effect['only'], key: 'isBlackHole' | 'isStalled'): Effect {
  return {
    name,
    ...(only === undefined ? {} : { only }),
    read: (words, scope) => {
      const isOff = words.takeOne(['on', 'off']) === 'off';
      const isTimed = !isOff && /^\d/.test(words.next);
      const forMs = isTimed ? readDuration(words, 'the time', 1) : null;
      if (forMs === undefined) return undefined;
      return { kind: 'weather', scope, direction: readDirection(words), values: { [key]: !isOff }, forMs };
    },
  };
}

function readScope(words: WordReader): Scope | undefined {
  const known = words.takeOne(['udp', 'tcp', 'all']);
  if (known !== undefined) return known;
  const text = words.take('which relays (udp, tcp, all or :port)');
  if (text === undefined) return undefined;
  const port = /^:\d{1,5}$/.test(text) ? Number(text.slice(1)) : 0;
  if (port > 0 && port <= 0xffff) return { port };
  return words.fail(`"${shown(text)}" is not udp, tcp, all or a port such as :4000`);
}

function readDirection(words: WordReader): Direction {
  return words.takeOne(['up', 'down', 'both']) ?? 'both';
}

function readJitter(words: WordReader): Partial<Weather> | undefined {
  const jitterMs = readDuration(words, 'the jitter');
  if (jitterMs === undefined) return undefined;
  const jitterShape: JitterShape = words.takeOne(['uniform', 'normal']) ?? 'uniform';
  return { jitterMs, jitterShape };
}

function readBurst(words: WordReader): Partial<Weather> | undefined {
  const enterRate = readShare(words, 'the chance to enter a burst');
  const leaveRate = enterRate === undefined ? undefined : readShare(words, 'the chance to leave it');
  const lossRate = leaveRate === undefined ? undefined : readShare(words, 'the loss in it');
  const goodLossRate = words.next.endsWith('%') ? readShare(words, 'the loss outside of it') : 0;
  if (enterRate === undefined || leaveRate === undefined || lossRate === undefined) return undefined;
  if (goodLossRate === undefined) return undefined;
  return { burst: { enterRate, leaveRate, lossRate, goodLossRate } };
}

function readReorder(words: WordReader): Partial<Weather> | undefined {
  const reorderRate = readShare(words, 'the share that is reordered');
  if (reorderRate === undefined) return undefined;
  const reorderDelayMs = /^\d/.test(words.next)
    ? readDuration(words, 'the extra delay', 1)
    : DEFAULT_REORDER_MS;
  return reorderDelayMs === undefined ? undefined : { reorderRate, reorderDelayMs };
}

function readOutage(words: WordReader): Partial<Weather> | undefined {
  const everyMs = readDuration(words, 'the time between outages', 1);
  if (everyMs === undefined) return undefined;
  const lengthMs = readDuration(words, 'the length of an outage', 1, everyMs);
  return lengthMs === undefined ? undefined : { outage: { everyMs, lengthMs } };
}

function readProfile(words: WordReader, scope: Scope): Change | undefined {
  const name = words.take('the name of a profile');
  if (name === undefined) return undefined;
  if (!isProfileName(name)) {
    return words.fail(`there is no profile "${shown(name)}"${hintFor(name, PROFILE_NAMES)}`);
  }
  return { kind: 'profile', scope, direction: readDirection(words), profile: name };
}

/** The name that was meant, or all there are. */
function hintFor(name: string, names: readonly string[]): string {
  const hint = didYouMean(name, names);
  return hint === '' ? `; there are ${names.join(', ')}` : hint;
}

function atEnd(words: WordReader, change: Change): Change | undefined {
  if (words.isAtEnd) return change;
  return words.failHere(`"${shown(words.next)}" is one word too many`);
}

function field<Key extends keyof Weather>(
  key: Key,
  value: Weather[Key] | undefined,
): Partial<Weather> | undefined {
  return value === undefined ? undefined : { [key]: value };
}

/** What is reordered comes so much later when nothing else is said. */
const DEFAULT_REORDER_MS = 10;
const NOT_ON_TCP =
  'has no meaning on a byte stream: TCP repairs what the network does, and all that shows is time; use delay, jitter, rate or stall';
const NOT_ON_UDP = 'is for connections, and UDP has none';
