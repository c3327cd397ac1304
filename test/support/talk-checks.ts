import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { TalkEvent } from './talk-order.ts';
import type { Talk } from './talk-world.ts';

/** How often what a version has to show is to happen; KCPGATE_MUST_SHOW_RUNS=50 for the table of a release. */
export const RUNS = Number(process.env.KCPGATE_MUST_SHOW_RUNS ?? 2);
/** Clients at once. */
export const PARALLEL = 2;

/** Unix ms with fractions, as in the events of a client. */
export const unixMs = (): number => performance.timeOrigin + performance.now();

/** At some time in the middle of the transfer. */
export const aWhile = (run: number): Promise<void> => delay(800 + ((run * 137) % 500));

/** The line a session is on, as far as it has told. */
export function lineOf({ client }: Talk): string {
  const told = client.events.filter(({ event }) => ['open', 'moved', 'reconnected'].includes(event)).at(-1);
  return String(told?.event === 'moved' ? told.to : told?.line);
}

/** The move to a line whose id begins so, after `atMs`. */
export const isMoveTo =
  (atMs: number, ...beginnings: readonly string[]) =>
  ({ event, to, atMs: movedAt }: TalkEvent): boolean =>
    event === 'moved' &&
    Number(movedAt) > atMs &&
    beginnings.some((beginning) => String(to).startsWith(beginning));

/**
 * Waits until a session is on a line whose id begins so: on a busy machine it may have left it for a while.
 * @returns the id of the line.
 */
export async function untilOn(talk: Talk, beginning: string): Promise<string> {
  await untilLine(talk, (line) => line.startsWith(beginning), `on ${beginning}`);
  return lineOf(talk);
}

/** Waits until a session has left a line. */
export async function untilOff(talk: Talk, left: string): Promise<void> {
  await untilLine(talk, (line) => line !== left, `off ${left}`);
}

async function untilLine(talk: Talk, is: (line: string) => boolean, what: string): Promise<void> {
  for (const deadline = performance.now() + LINE_TIMEOUT_MS; !is(lineOf(talk));) {
    if (performance.now() > deadline) throw new Error(`not ${what}; ${talk.client.said()}`);
    await delay(20);
  }
}

const LINE_TIMEOUT_MS = 90_000;

/**
 * How long nothing came after something happened at `atMs`: from then to the end of the longest gap of the next 5 s. What came
 * last may have come a little before.
 */
export function outageMs({ client }: Talk, atMs: number): number {
  const gaps = client
    .all('gap')
    .filter(({ toMs, fromMs }) => Number(toMs) > atMs && Math.abs(Number(fromMs) - atMs - 2_400) < 2_500);
  const [longest] = gaps.toSorted((a, b) => lengthOf(b) - lengthOf(a));
  return longest === undefined ? 0 : Math.max(0, Number(longest.toMs) - atMs);
}

const lengthOf = ({ fromMs, toMs }: TalkEvent): number => Number(toMs) - Number(fromMs);

/** Ends a talk: both directions were flushed, every byte came back, once and in order, and the process is gone by itself. */
export async function finish(talk: Talk): Promise<void> {
  const result = await talk.client.finish();
  expect(result, talk.client.said()).toMatchObject({ isEqual: true, receivedBytes: result.sentBytes });
  expect(Number(result.sentBytes)).toBeGreaterThan(0);
  expect(talk.client.all('ended')).toMatchObject([{ code: 1000 }]);
  expect(await talk.client.exit).toEqual({ code: 0, signal: null });
  expect(talk.client.errorText).toBe('');
  await talk.close();
}
