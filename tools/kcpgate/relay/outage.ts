import type { Outage } from './link-profile.ts';

/** Whether an outage is on, so long after the link was made. */
export function isInOutage({ everyMs, lengthMs }: Outage, sinceStartMs: number): boolean {
  return sinceStartMs % everyMs >= everyMs - lengthMs;
}

/** The time, in ms since the link was made, at which nothing is in the way any more: the given one, or the end of the outage. */
export function afterOutageMs(outage: Outage, sinceStartMs: number): number {
  if (!isInOutage(outage, sinceStartMs)) return sinceStartMs;
  return (Math.floor(sinceStartMs / outage.everyMs) + 1) * outage.everyMs;
}
