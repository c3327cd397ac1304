import type { Direction } from './direction.ts';
import { clientOf, type Link, type Session } from './session.ts';

/** Who sends in a direction, and who receives. */
export const sidesOf = (session: Session, direction: Direction): readonly [string, string] =>
  session.fromClient === direction ? ['client', 'gateway'] : ['gateway', 'client'];

/** `0.32 s`, `12 s`. */
export function secondsText(us: number): string {
  const seconds = us / 1e6;
  return `${seconds < 10 ? seconds.toFixed(2) : Math.round(seconds)} s`;
}

/** As in views: `0x01020304`. */
export const hexConv = (conv: number): string => `0x${(conv >>> 0).toString(16).padStart(8, '0')}`;

/** The client's end of a flow. */
export function endText(link: Link): string {
  const { address, port } = clientOf(link);
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
