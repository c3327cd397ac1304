import { formatDuration, formatSize } from '../../../src/gateway/config/units.ts';
import { PERFECT_WEATHER, type Weather } from './weather.ts';

/** The weather in the words of scripts, `perfect` when nothing is wrong. */
export function weatherText(weather: Weather): string {
  const { burst, queue, outage } = weather;
  const parts = [
    weather.delayMs > 0 && `delay ${formatDuration(weather.delayMs)}`,
    weather.jitterMs > 0 && `jitter ${formatDuration(weather.jitterMs)} ${weather.jitterShape}`,
    weather.lossRate > 0 && `loss ${shareText(weather.lossRate)}`,
    burst !== null &&
      `burst ${[burst.enterRate, burst.leaveRate, burst.lossRate, burst.goodLossRate].map(shareText).join(' ')}`,
    weather.duplicateRate > 0 && `duplicate ${shareText(weather.duplicateRate)}`,
    weather.reorderRate > 0 &&
      `reorder ${shareText(weather.reorderRate)} ${formatDuration(weather.reorderDelayMs)}`,
    weather.corruptRate > 0 && `corrupt ${shareText(weather.corruptRate)}`,
    weather.bytesPerSecond !== Infinity && `rate ${rateText(weather.bytesPerSecond)}`,
    queue !== null && `queue ${'bytes' in queue ? formatSize(queue.bytes) : formatDuration(queue.ms)}`,
    weather.mtuBytes < PERFECT_WEATHER.mtuBytes && `mtu ${String(weather.mtuBytes)}`,
    outage !== null && `outage ${formatDuration(outage.everyMs)} ${formatDuration(outage.lengthMs)}`,
    weather.isBlackHole && 'blackhole',
    weather.isStalled && 'stall',
  ];
  const text = parts.filter((part) => part !== false).join(', ');
  return text === '' ? 'perfect' : text;
}

/** `2.5%`. */
function shareText(share: number): string {
  return `${String(Number((share * 100).toFixed(6)))}%`;
}

/** `10mbit`, from bytes a second. */
function rateText(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  const [unit, factor] = RATE_UNITS.find(([, size]) => bits >= size) ?? ['bit', 1];
  return `${String(Number((bits / factor).toFixed(3)))}${unit}`;
}

const RATE_UNITS = [
  ['gbit', 1e9],
  ['mbit', 1e6],
  ['kbit', 1e3],
] as const;
