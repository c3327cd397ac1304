import { InvalidArgumentError } from 'commander';
import { parseSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { ServerConfig } from '../../src/gateway/config/config.ts';
import { parseServerAddress } from '../../src/gateway/config/server-address.ts';
import { formatDuration, parseDurationMs } from '../../src/gateway/config/units.ts';

/** Reads `host:port`. */
export function serverOption(text: string): ServerConfig {
  const parsed = parseServerAddress(text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error);
  return parsed.server;
}

/** Reads `port` (on 127.0.0.1), `address:port` or `[address]:port`; port 0 lets the system choose. */
export function listenOption(text: string): SocketAddress {
  const parsed = parseSocketAddress(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error);
  return parsed.address;
}

/** Reads `https://host/path`, or the same with `http:`. */
export function urlOption(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidArgumentError('It must be an https: or http: URL.');
}

/** Reads a whole number in a range. */
export function wholeNumberOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${String(min)} to ${String(max)}.`);
  };
}

/** Reads `500ms`, `5s`, `1m` within a range. @returns milliseconds. */
export function durationOption(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const value = parseDurationMs(text) ?? NaN;
    if (value >= minMs && value <= maxMs) return value;
    throw new InvalidArgumentError(
      `It must be a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}.`,
    );
  };
}
