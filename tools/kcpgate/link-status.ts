import type { ClientStatus } from '../../src/client/node/index.ts';

/** Bytes that local applications sent and received so far. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** What can be seen of one session at a time. */
export interface LinkSample {
  /** Id of its line; undefined while it has no connection. */
  readonly line: string | undefined;
  /** What it is doing, in a word or two; empty: nothing but carrying. */
  readonly state: string;
  /** Round trip in ms; 0: not known yet. */
  readonly rttMs: number;
  /** Segments sent and those of them that were repeats because of loss, since the session's connection began. */
  readonly segments: number;
  readonly repeats: number;
}

/** Everything that is shown at a time. */
export interface TunnelSample {
  readonly at: number;
  readonly links: readonly LinkSample[];
  readonly traffic: Traffic;
}

/**
 * The state of a tunnel in one line: lines in use, round trip, share of segments that were lost, bytes a second both ways, and what is
 * out of the ordinary.
 * @param before the sample before, about a second older.
 */
export function linkStatusText(sample: TunnelSample, before: TunnelSample): string {
  const { links, traffic } = sample;
  if (links.length === 0) return 'no connection';
  const seconds = Math.max(0.001, (sample.at - before.at) / 1000);
  const rtts = links.map(({ rttMs }) => rttMs).filter((rttMs) => rttMs > 0);
  return [
    countedWords(links.map(({ line }) => line ?? 'no line')),
    ...(rtts.length === 0 ? [] : [`rtt ${String(Math.round(mean(rtts)))} ms`]),
    `loss ${lossText(links, before.links)}`,
    `up ${rateText((traffic.sent - before.traffic.sent) / seconds)}`,
    `down ${rateText((traffic.received - before.traffic.received) / seconds)}`,
    stateText(links),
  ].join('  ');
}

/** What a session is doing after a status, in a word or two. */
export function stateAfter(status: ClientStatus): string | undefined {
  switch (status.type) {
    case 'connecting':
    case 'loggedin':
      return 'connecting';
    case 'open':
    case 'moved':
    case 'left':
    case 'reconnected':
      return '';
    case 'suspect':
      return 'line in doubt';
    case 'pathlost':
      return 'line broke';
    case 'draining':
      return 'gateway drains';
    case 'loginfailed':
      return 'no login';
    case 'reconnecting':
      return `next attempt in ${(status.waitMs / 1000).toFixed(1)} s`;
    case 'decision':
    case 'surveyed':
    case 'close':
      return undefined;
  }
}

function countedWords(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => (count === 1 ? word : `${word} x${String(count)}`)).join(', ');
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function lossText(links: readonly LinkSample[], before: readonly LinkSample[]): string {
  const sum = (of: readonly LinkSample[], key: 'segments' | 'repeats'): number =>
    of.reduce((total, link) => total + link[key], 0);
  // A session that went away takes its counts along.
  const segments = Math.max(0, sum(links, 'segments') - sum(before, 'segments'));
  const repeats = Math.max(0, sum(links, 'repeats') - sum(before, 'repeats'));
  return segments === 0 ? '-' : `${((100 * Math.min(repeats, segments)) / segments).toFixed(1)} %`;
}

function rateText(bytesPerSecond: number): string {
  const value = Math.max(0, bytesPerSecond);
  if (value < 1000) return `${String(Math.round(value))} B/s`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB/s`;
  return `${(value / 1e6).toFixed(1)} MB/s`;
}

function stateText(links: readonly LinkSample[]): string {
  const unusual = links.map(({ state }) => state).filter((state) => state !== '');
  return unusual.length === 0 ? 'ok' : countedWords(unusual);
}
