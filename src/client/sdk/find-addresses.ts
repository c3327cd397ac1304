import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Line } from '../login-answer.ts';
import { AbortGroup } from './abort-group.ts';
import type { ClientPlatform } from './client-platform.ts';
import { delay, orAborted } from './time-limit.ts';

/** A line, and where its host was found; or why it was not: the code of an error. */
export interface FoundLine {
  readonly line: Line;
  readonly addresses: readonly (SocketAddress | undefined)[];
  /** Set when there is no address. */
  readonly fault: string | undefined;
}

/**
 * Looks the hosts of lines up, all at once, each once. Who takes more than a second is not waited for when others are known; nobody is
 * waited for longer than `timeoutMs`.
 * @throws GatewayError the reason of the signal when it is aborted.
 */
export async function findAddresses(
  platform: Pick<ClientPlatform, 'resolve' | 'transports'>,
  lines: readonly Line[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly FoundLine[]> {
  const results: FoundLine[] = lines.map((line) => {
    const isSupported = platform.transports.includes(line.transport);
    return { line, addresses: [], fault: isSupported ? 'connect_timeout' : 'unsupported' };
  });
  const waiting = new AbortGroup();
  const lookUps = [...indicesByHost(results)].map(async ([host, indices]) => {
    const port = results[indices[0]]?.line.port ?? 0;
    const found = await waiting.run((own) => lookUp(platform, host, port, own));
    for (const index of indices) {
      const { line } = results[index] ?? {};
      if (line !== undefined) results[index] = { line, ...found, addresses: at(line.port, found.addresses) };
    }
    if (found.fault !== undefined) throw new GatewayError('connect_failed');
  });
  const all = Promise.allSettled(lookUps);
  const some = Promise.any(lookUps).then(() => waiting.run((own) => delay(PATIENCE_MS, own)));
  try {
    const late = waiting.run((own) => delay(timeoutMs, own));
    await orAborted(Promise.race([all, some.catch(() => all), late]), signal);
  } finally {
    waiting.abort();
  }
  return [...results];
}

/** Those to be looked up. */
function indicesByHost(lines: readonly FoundLine[]): ReadonlyMap<string, readonly [number, ...number[]]> {
  const byHost = new Map<string, [number, ...number[]]>();
  for (const [index, { line, fault }] of lines.entries()) {
    if (fault === 'unsupported') continue;
    const indices = byHost.get(line.host);
    if (indices === undefined) byHost.set(line.host, [index]);
    else indices.push(index);
  }
  return byHost;
}

const at = (port: number, addresses: FoundLine['addresses']): FoundLine['addresses'] =>
  addresses.map((address) => address && { ...address, port });

async function lookUp(
  platform: Pick<ClientPlatform, 'resolve'>,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Omit<FoundLine, 'line'>> {
  try {
    const addresses = await platform.resolve(host, port, signal);
    return { addresses, fault: addresses.length > 0 ? undefined : 'connect_failed' };
  } catch (error) {
    return { addresses: [], fault: GatewayError.from(error).code };
  }
}

const PATIENCE_MS = 1_000;
