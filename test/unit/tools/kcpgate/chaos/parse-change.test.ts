import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EFFECT_NAMES, parseChange } from '../../../../../tools/kcpgate/chaos/parse-change.ts';
import { PROFILE_NAMES, PROFILES } from '../../../../../tools/kcpgate/chaos/profiles.ts';
import { weatherText } from '../../../../../tools/kcpgate/chaos/weather-text.ts';
import { PERFECT_WEATHER, type Weather } from '../../../../../tools/kcpgate/chaos/weather.ts';

const weather = (values: Partial<Weather>, more: object = {}): object => ({
  ...{ kind: 'weather', scope: 'udp', direction: 'both', values, forMs: null },
  ...more,
});

describe('words that say what is to be done', () => {
  test.each([
    ['udp delay 50ms', weather({ delayMs: 50 })],
    ['udp jitter 1.5s normal up', weather({ jitterMs: 1500, jitterShape: 'normal' }, { direction: 'up' })],
    ['udp jitter 3ms', weather({ jitterMs: 3, jitterShape: 'uniform' })],
    ['udp loss 10% down', weather({ lossRate: 0.1 }, { direction: 'down' })],
    ['udp loss off both', weather({ lossRate: 0 })],
    [
      'udp burst 1% 25% 80%',
      weather({ burst: { enterRate: 0.01, leaveRate: 0.25, lossRate: 0.8, goodLossRate: 0 } }),
    ],
    [
      'udp burst 1% 25% 80% 2% up',
      weather(
        { burst: { enterRate: 0.01, leaveRate: 0.25, lossRate: 0.8, goodLossRate: 0.02 } },
        { direction: 'up' },
      ),
    ],
    ['udp burst off', weather({ burst: null })],
    ['udp duplicate 0.5%', weather({ duplicateRate: 0.005 })],
    ['udp reorder 2%', weather({ reorderRate: 0.02, reorderDelayMs: 10 })],
    ['udp reorder 2% 15ms', weather({ reorderRate: 0.02, reorderDelayMs: 15 })],
    ['udp corrupt 100%', weather({ corruptRate: 1 })],
    ['udp rate 10mbit', weather({ bytesPerSecond: 1_250_000 })],
    ['udp rate 512Kbit/s', weather({ bytesPerSecond: 64_000 })],
    ['udp rate off', weather({ bytesPerSecond: Infinity })],
    ['udp queue 64KiB', weather({ queue: { bytes: 65_536 } })],
    ['udp queue 200ms', weather({ queue: { ms: 200 } })],
    ['udp mtu 1200', weather({ mtuBytes: 1200 })],
    ['udp outage 20s 1s', weather({ outage: { everyMs: 20_000, lengthMs: 1000 } })],
    ['udp blackhole', weather({ isBlackHole: true })],
    ['udp blackhole off up', weather({ isBlackHole: false }, { direction: 'up' })],
    ['udp blackhole 300ms up', weather({ isBlackHole: true }, { direction: 'up', forMs: 300 })],
    ['tcp stall 2s', weather({ isStalled: true }, { scope: 'tcp', forMs: 2000 })],
    ['all profile 4g', { kind: 'profile', scope: 'all', direction: 'both', profile: '4g' }],
    ['udp clear down', { kind: 'clear', scope: 'udp', direction: 'down' }],
    ['udp rebind', { kind: 'rebind', scope: 'udp', how: 'port' }],
    [':4000 rebind address', { kind: 'rebind', scope: { port: 4000 }, how: 'address' }],
    ['tcp reset', { kind: 'cut', scope: 'tcp', how: 'rst' }],
    ['all fin', { kind: 'cut', scope: 'all', how: 'fin' }],
    ['tcp refuse', { kind: 'refuse', scope: 'tcp', isOn: true }],
    ['tcp refuse off', { kind: 'refuse', scope: 'tcp', isOn: false }],
    ['  end  # that was it', { kind: 'end' }],
  ])('%s', (text, change) => {
    expect(parseChange(text)).toEqual({ ok: true, change });
  });

  test.each([
    ['', 1, /which relays .* is missing/],
    ['upd loss 1%', 1, /"upd" is not udp, tcp, all or a port/],
    [':70000 clear', 1, /is not udp, tcp/],
    ['udp', 5, /what is to be done is missing/],
    ['udp los 1%', 5, /there is no "los"; did you mean "loss"\?$/],
    ['udp zzzzzzzz', 5, /there are delay, jitter, loss/],
    ['udp loss', 10, /the loss is missing/],
    ['udp loss 10', 10, /the loss must be a share .* not "10"/],
    ['udp loss 101%', 10, /the loss must be a share/],
    ['udp  loss 10% upp', 15, /"upp" is one word too many/],
    ['udp delay 5', 11, /the delay must be a duration/],
    ['udp delay 2h', 11, /the delay must be a duration/],
    ['udp burst 1% 2%', 17, /the loss in it is missing/],
    ['udp rate 10', 10, /the rate must be from 1kbit/],
    ['udp rate 1bit', 10, /the rate must be from 1kbit/],
    ['udp queue 0', 11, /the queue must be/],
    ['udp mtu 0', 9, /the MTU must be a whole number from 1/],
    ['udp outage 1s 2s', 15, /the length of an outage must be .* from 1 to 1000 ms/],
    ['all profile satelite', 13, /no profile "satelite"; did you mean "satellite"\?$/],
    ['tcp loss 1%', 5, /has no meaning on a byte stream/],
    ['udp reset', 5, /is for connections, and UDP has none/],
    ['end now', 5, /"now" is one word too many/],
  ])('%j: column %i', (text, column, words) => {
    const parsed = parseChange(text);
    if (parsed.ok) throw new Error('it was read');
    expect(parsed.fault.error).toMatch(words);
    expect(parsed.fault.column).toBe(column);
  });

  test('whatever the words, they are read or refused', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'udp',
        'tcp',
        'all',
        ':1',
        'off',
        'up',
        'down',
        'port',
        'normal',
        'end',
        '#',
        ...EFFECT_NAMES,
      ),
      fc.constantFrom('5%', '0.1%', '5ms', '1s', '10mbit', '64KiB', '1200', ...PROFILE_NAMES),
      fc.string({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        const text = words.join(' ');
        const parsed = parseChange(text);
        if (parsed.ok) return;
        expect(parsed.fault.column).toBeGreaterThanOrEqual(1);
        expect(parsed.fault.column).toBeLessThanOrEqual(text.length + 2);
        expect(parsed.fault.error.length).toBeLessThan(500);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(PROFILE_NAMES)('the words of the weather of %s say that weather', (name) => {
    for (const way of ['up', 'down'] as const) {
      let read: Weather = PERFECT_WEATHER;
      for (const words of weatherText(PROFILES[name][way]).split(', ')) {
        if (words === 'perfect') continue;
        const parsed = parseChange(`udp ${words}`);
        if (!parsed.ok || parsed.change.kind !== 'weather') throw new Error(words);
        read = { ...read, ...parsed.change.values };
      }
      expect(read).toEqual(PROFILES[name][way]);
    }
  });
});
