import { describe, expect, test } from 'vitest';
import { PROFILES } from '../../../../../tools/kcpgate/chaos/profiles.ts';
import { weatherOf } from '../../../../../tools/kcpgate/chaos/run-chaos.ts';
import { linkOf, PERFECT_WEATHER, streamOf } from '../../../../../tools/kcpgate/chaos/weather.ts';

const UDP = { udp: [] };

describe('the options', () => {
  test('say nothing: nothing is wrong', () => {
    expect(weatherOf(UDP)).toEqual({ up: PERFECT_WEATHER, down: PERFECT_WEATHER });
  });

  test('override the profile one by one, whatever stands first', () => {
    const { up, down } = weatherOf({ ...UDP, loss: ['5% up'], profile: ['4g'], delay: ['70ms', '1ms down'] });
    expect(up).toEqual({ ...PROFILES['4g'].up, lossRate: 0.05, delayMs: 70 });
    expect(down).toEqual({ ...PROFILES['4g'].down, delayMs: 1 });
  });

  test.each([
    [{ ...UDP, loss: ['5'] }, '--loss 5: the loss must be a share from 0% to 100%, such as 2.5%, not "5"'],
    [{ ...UDP, profile: ['5g'] }, /^--profile 5g: there is no profile "5g"/],
    [{ loss: ['5%'] }, '--loss has no meaning on a byte stream: it needs --udp'],
  ])('%j is refused', (flags, words) => {
    expect(() => weatherOf(flags)).toThrow(words);
  });
});

test('a queue in ms is what the rate takes so long for', () => {
  const weather = { ...PERFECT_WEATHER, bytesPerSecond: 50_000, queue: { ms: 200 } };
  expect(linkOf(weather).queueBytes).toBe(10_000);
  expect(linkOf({ ...weather, queue: { bytes: 77 } }).queueBytes).toBe(77);
  expect(linkOf({ ...weather, queue: null }).queueBytes).toBe(Infinity);
});

test('a black hole and a stall both stop a byte stream, and only the first datagrams', () => {
  const hole = { ...PERFECT_WEATHER, isBlackHole: true };
  const stalled = { ...PERFECT_WEATHER, isStalled: true };
  expect(
    [streamOf(PERFECT_WEATHER), streamOf(hole), streamOf(stalled)].map(({ isStalled }) => isStalled),
  ).toEqual([...[false, true, true]]);
  expect([linkOf(hole), linkOf(stalled)].map(({ blackHoles }) => blackHoles.length)).toEqual([1, 0]);
});
