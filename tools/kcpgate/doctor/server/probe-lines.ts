import { setTimeout as delay } from 'node:timers/promises';
import type { SocketAddress } from '../../../../src/base/address.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import type { ClientPlatform } from '../../../../src/client/sdk/client-platform.ts';
import type { ProbeAck } from '../../../../src/wire/probe-ack.ts';
import { Prober } from './prober.ts';

/** What probing a line at one address showed. */
export interface ProbedWay {
  readonly line: Line;
  /** undefined when the name of the line's host was not found. */
  readonly address: SocketAddress | undefined;
  /** Why the line could not be opened; it was not asked then. */
  readonly fault: unknown;
  /** Round trips in ms; null: not answered. */
  readonly rttsMs: readonly (number | null)[];
  /** The last answer. */
  readonly ack: ProbeAck | undefined;
  /** How the gateway saw this client, in the order it did, each once. */
  readonly seenAs: readonly SocketAddress[];
  readonly localPort: number;
}

/** Probes all lines, at the first address of each family. */
export async function probeLines(platform: ClientPlatform, lines: readonly Line[]): Promise<ProbedWay[]> {
  const ways: ProbedWay[] = [];
  // Gateways answer so many PROBEs of one network in a second.
  for (let at = 0; at < lines.length; at += AT_ONCE) {
    const probed = await Promise.all(lines.slice(at, at + AT_ONCE).map((line) => probeLine(platform, line)));
    ways.push(...probed.flat());
  }
  return ways;
}

export const isAnswered = ({ ack }: ProbedWay): boolean => ack !== undefined;

async function probeLine(platform: ClientPlatform, line: Line): Promise<ProbedWay[]> {
  let addresses: readonly (SocketAddress | undefined)[];
  try {
    addresses = await platform.resolve(line.host, line.port, new AbortController().signal);
  } catch (fault) {
    return [unopened(line, undefined, fault)];
  }
  const firsts = addresses.filter(
    (address, index) => addresses.findIndex((other) => other?.family === address?.family) === index,
  );
  return Promise.all(firsts.map((address) => probeWay(platform, line, address)));
}

async function probeWay(
  platform: ClientPlatform,
  line: Line,
  address: SocketAddress | undefined,
): Promise<ProbedWay> {
  let prober: Prober;
  try {
    prober = await Prober.open(platform, line, address);
  } catch (fault) {
    return unopened(line, address, fault);
  }
  try {
    const answers = await Promise.all(
      Array.from({ length: PROBES }, async (_, index) => {
        await delay(index * INTERVAL_MS);
        return prober.ask(PROBE_BYTES, ANSWER_MS);
      }),
    );
    const seen = answers.flatMap((answer) => answer?.ack.address ?? []);
    return {
      line,
      address,
      fault: undefined,
      rttsMs: answers.map((answer) => answer?.rttMs ?? null),
      ack: answers.findLast((answer) => answer !== undefined)?.ack,
      seenAs: seen.filter((one, index) => seen.findIndex((other) => isSame(one, other)) === index),
      localPort: prober.localPort,
    };
  } finally {
    await prober.close();
  }
}

function unopened(line: Line, address: SocketAddress | undefined, fault: unknown): ProbedWay {
  return { line, address, fault, rttsMs: [], ack: undefined, seenAs: [], localPort: 0 };
}

const isSame = (a: SocketAddress, b: SocketAddress): boolean => a.address === b.address && a.port === b.port;

const AT_ONCE = 8;
const PROBES = 5;
const INTERVAL_MS = 100;
const PROBE_BYTES = 64;
/** An answer that takes longer is of no use. */
const ANSWER_MS = 2_000;
