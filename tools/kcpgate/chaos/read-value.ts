import { parseDurationMs, parseSizeBytes } from '../../../src/gateway/config/units.ts';
import type { WordReader } from './words.ts';

/** Reads a duration such as `50ms`. @returns whole milliseconds. */
export function readDuration(
  words: WordReader,
  what: string,
  minMs = 0,
  maxMs = MAX_DURATION_MS,
): number | undefined {
  const text = words.take(what);
  if (text === undefined) return undefined;
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
  return words.fail(
    `${what} must be a duration such as 50ms or 2s${rangeText(minMs, maxMs)}, not "${shown(text)}"`,
  );
}

/** Reads a share such as `2%`. @returns 0 to 1. */
export function readShare(words: WordReader, what: string): number | undefined {
  const text = words.take(what);
  if (text === undefined) return undefined;
  const share = parseShare(text);
  return share ?? words.fail(`${what} must be a share from 0% to 100%, such as 2.5%, not "${shown(text)}"`);
}

/** Reads a rate such as `10mbit`. @returns bytes a second. */
export function readRate(words: WordReader): number | undefined {
  const text = words.take('the rate');
  if (text === undefined) return undefined;
  const [, number = '', unit = ''] =
    /^(\d{1,9}(?:\.\d{1,6})?)(bit|kbit|mbit|gbit)(?:\/s)?$/i.exec(text) ?? [];
  const bits = Number(number) * (RATE_UNITS[unit.toLowerCase()] ?? NaN);
  if (bits >= MIN_BITS && bits <= MAX_BITS) return bits / 8;
  return words.fail(
    `the rate must be from 1kbit to 100gbit, such as 10mbit or 512kbit, not "${shown(text)}"`,
  );
}

/** Reads room for what waits: a size such as `64KiB`, or a duration. */
export function readQueue(words: WordReader): { bytes: number } | { ms: number } | undefined {
  const text = words.take('the queue');
  if (text === undefined) return undefined;
  const bytes = parseSizeBytes(text);
  if (bytes !== undefined && bytes > 0) return { bytes };
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0 && ms <= MAX_DURATION_MS) return { ms };
  return words.fail(
    `the queue must be a size such as 64KiB or a duration such as 200ms, not "${shown(text)}"`,
  );
}

/** Reads a whole number. */
export function readNumber(words: WordReader, what: string, min: number, max: number): number | undefined {
  const text = words.take(what);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  return words.fail(
    `${what} must be a whole number from ${String(min)} to ${String(max)}, not "${shown(text)}"`,
  );
}

/** A share written as percent; undefined when it is none. */
function parseShare(text: string): number | undefined {
  const [, number] = /^(\d{1,3}(?:\.\d{1,9})?)%$/.exec(text) ?? [];
  const share = Number(number) / 100;
  return number !== undefined && share <= 1 ? share : undefined;
}

/** A text of a stranger, cut to what a line holds. */
export const shown = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}...` : text);

const rangeText = (minMs: number, maxMs: number): string =>
  minMs === 0 && maxMs === MAX_DURATION_MS ? '' : ` from ${String(minMs)} to ${String(maxMs)} ms`;

/** An hour: longer than any network holds anything. */
export const MAX_DURATION_MS = 3_600_000;
const MIN_BITS = 1000;
const MAX_BITS = 100e9;
const RATE_UNITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
