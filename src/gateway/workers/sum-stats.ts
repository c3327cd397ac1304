import type { ListenerStatus, ServingStatus } from '../gateway-status.ts';
import type { UpstreamStats } from '../../upstream/index.ts';

/** Several data planes of one configuration as one: their counters and gauges added up. At least one. */
export function sumServing(all: readonly ServingStatus[]): ServingStatus {
  // One that has not said anything since it was told of a line does not know of it.
  const most = Math.max(...all.map(({ listeners }) => listeners.length));
  const first = all.find(({ listeners }) => listeners.length === most);
  if (first === undefined) return NOTHING;
  const others = all.filter((one) => one !== first);
  const listeners = first.listeners.map((listener, i): ListenerStatus => ({
    ...listener,
    stats: others.reduce((sum, other) => addUp(sum, other.listeners[i]?.stats), listener.stats),
  }));
  const upstreams: Record<string, UpstreamStats> = {};
  for (const [name, stats] of Object.entries(first.upstreams)) {
    upstreams[name] = others.reduce((sum, other) => addUp(sum, other.upstreams[name]), stats);
  }
  const sessions =
    first.sessions === null
      ? null
      : others.reduce((sum, other) => addUp(sum, other.sessions ?? undefined), first.sessions);
  return { listeners, upstreams, sessions, draining: all.some(({ draining }) => draining) };
}

/** Nothing serves yet. */
export const NOTHING: ServingStatus = { listeners: [], upstreams: {}, sessions: null, draining: false };

/** The same listeners and upstreams with nothing counted. */
export function nothingCounted({ listeners, upstreams, sessions, draining }: ServingStatus): ServingStatus {
  return {
    sessions: sessions === null ? null : zeros(sessions),
    draining,
    listeners: listeners.map((listener) => ({ ...listener, stats: zeros(listener.stats) })),
    upstreams: zeros(upstreams),
  };
}

/** Adds number by number; maps of numbers may have different keys. */
function addUp<T extends object>(one: T, other: T | undefined): T {
  if (other === undefined) return one;
  const sum = Object.fromEntries<unknown>(Object.entries(one));
  for (const [key, value] of Object.entries(other)) {
    const own = sum[key];
    if (typeof value === 'number') sum[key] = (typeof own === 'number' ? own : 0) + value;
    else if (isMap(value)) sum[key] = addUp(isMap(own) ? own : {}, value);
  }
  return sum as T;
}

function zeros<T extends object>(stats: T): T {
  const entries = Object.entries(stats).map(([key, value]: [string, unknown]) => [
    key,
    isMap(value) ? zeros(value) : 0,
  ]);
  return Object.fromEntries(entries) as T;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
