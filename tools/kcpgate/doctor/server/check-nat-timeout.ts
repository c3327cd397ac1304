import { setTimeout as delay } from 'node:timers/promises';
import { formatSocketAddress } from '../../../../src/base/address.ts';
import { formatDuration } from '../../../../src/gateway/config/units.ts';
import type { ClientPlatform } from '../../../../src/client/sdk/client-platform.ts';
import type { Finding } from '../finding.ts';
import type { ProbedWay } from './probe-lines.ts';
import { Prober } from './prober.ts';

/** What became of the mapping of a socket that was silent for so long. */
export interface SilentSocket {
  readonly silentMs: number;
  /** undefined: it did not answer before or after. */
  readonly isKept: boolean | undefined;
}

/** Lets one socket for each time be silent, all at once, and sees whether the gateway finds it at the same address after. */
export async function checkNatTimeout(
  platform: ClientPlatform,
  way: ProbedWay,
  silencesMs: readonly number[],
): Promise<Finding> {
  return judgeNatTimeout(
    await Promise.all(silencesMs.map((silentMs) => staySilent(platform, way, silentMs))),
  );
}

export function judgeNatTimeout(sockets: readonly SilentSocket[]): Finding {
  const check = 'NAT timeout';
  const details = { sockets };
  const kept = sockets.filter(({ isKept }) => isKept === true).map(({ silentMs }) => silentMs);
  const lost = sockets.filter(({ isKept }) => isKept === false).map(({ silentMs }) => silentMs);
  const firstLost = Math.min(...lost);
  const lastKept = Math.max(0, ...kept.filter((silentMs) => silentMs < firstLost));
  if (kept.length + lost.length === 0) {
    return { check, status: 'note', text: 'not found out: probes got lost', details };
  }
  if (lost.length === 0) {
    return {
      check,
      status: 'ok',
      text: `a silent socket keeps its address for ${formatDuration(lastKept)} at least`,
      details,
    };
  }
  const atMost = `a socket that is silent for ${formatDuration(firstLost)} gets another address`;
  if (lastKept >= KEEP_ALIVE_MS) {
    const text = `${atMost}, after ${formatDuration(lastKept)} not yet: keep-alives hold it`;
    return { check, status: 'ok', text, details };
  }
  return {
    check,
    status: 'warning',
    text: `${atMost}: sooner than keep-alives come`,
    advice: [
      `keepAliveMs of the client below ${String(firstLost)}, where data from the gateway must arrive at any time`,
      'encrypted sessions follow the new address with what they send next',
    ],
    details,
  };
}

async function staySilent(platform: ClientPlatform, way: ProbedWay, silentMs: number): Promise<SilentSocket> {
  const prober = await Prober.open(platform, way.line, way.address);
  try {
    const before = await mappedAddress(prober);
    if (before === undefined) return { silentMs, isKept: undefined };
    await delay(silentMs);
    const after = await mappedAddress(prober);
    return { silentMs, isKept: after === undefined ? undefined : after === before };
  } finally {
    await prober.close();
  }
}

async function mappedAddress(prober: Prober): Promise<string | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const address = (await prober.ask(PROBE_BYTES, ANSWER_MS))?.ack.address;
    if (address !== undefined && address !== null) return formatSocketAddress(address);
  }
  return undefined;
}

/** The default of clients. */
const KEEP_ALIVE_MS = 10_000;
const ATTEMPTS = 3;
const PROBE_BYTES = 64;
const ANSWER_MS = 1_000;
