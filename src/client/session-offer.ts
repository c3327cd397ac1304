import type { Line, LoginAnswer, LoginSession } from './login-answer.ts';

/** What of a login is to be used. */
export interface OfferWish {
  /** The gateway that is to be left. */
  readonly leave: number | undefined;
  /** Whether a gateway is better not used: it is being drained. */
  readonly avoid: (gatewayId: number) => boolean;
  /** Whether the ticket of a session still holds. */
  readonly holds: (session: LoginSession) => boolean;
}

/**
 * The part of a login that a session is opened with: sessions whose tickets hold, of other gateways than the one to be left,
 * and of gateways that are not drained while there are others; of the lines those that lead there, not by way of gateways
 * that go away while there are others.
 * @returns undefined when it offers no such session.
 */
export function sessionOffer(
  answer: LoginAnswer,
  { leave, avoid, holds }: OfferWish,
): LoginAnswer | undefined {
  const open = answer.sessions.filter((session) => session.gatewayId !== leave && holds(session));
  const goes = (gatewayId: number): boolean => gatewayId === leave || avoid(gatewayId);
  const sessions = preferred(open, ({ gatewayId }) => !avoid(gatewayId));
  const leading = answer.relays
    ? answer.lines
    : answer.lines.filter((line) => sessions.some(({ gatewayId }) => gatewayId === line.gatewayId));
  const lines: readonly Line[] = preferred(leading, ({ gatewayId }) => !goes(gatewayId));
  return sessions.length === 0 || lines.length === 0 ? undefined : { ...answer, sessions, lines };
}

/** Those that are like that; all when none is. */
function preferred<Item>(items: readonly Item[], isLike: (item: Item) => boolean): readonly Item[] {
  const like = items.filter(isLike);
  return like.length > 0 ? like : items;
}
