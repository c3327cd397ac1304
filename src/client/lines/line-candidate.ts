import type { SocketAddress } from '../../base/address.ts';
import type { Line } from '../login-answer.ts';

/** A line, and where its host was found. */
export interface ResolvedLine {
  readonly line: Line;
  /** In the system's order; `[undefined]` where the platform looks names up by itself. */
  readonly addresses: readonly (SocketAddress | undefined)[];
}

/** One thing to try: a line at one of its addresses. */
export interface LineCandidate {
  readonly line: Line;
  readonly address: SocketAddress | undefined;
}

/** What led to a gateway the last time. */
export interface RememberedLine {
  readonly lineId: string;
  /** As text, without port. Default: whichever comes first. */
  readonly address?: string | undefined;
}

/** Whether it is reached over a connection, which is made with a round trip of its own, or more. */
export const isConnection = ({ transport }: Line): boolean => transport !== 'udp';

/**
 * Puts candidates in the order to try them: what worked the last time, then by priority; among those of one priority the
 * first address of every line before the second of any, heavier lines first, and the address families in turn
 * (RFC 8305, section 4).
 */
export function orderCandidates(
  lines: readonly ResolvedLine[],
  remembered?: RememberedLine,
): readonly LineCandidate[] {
  const priorities = [...new Set(lines.map(({ line }) => line.priority))].sort((one, other) => one - other);
  const ordered = priorities.flatMap((priority) =>
    familiesInTurn(addressRounds(lines.filter(({ line }) => line.priority === priority))),
  );
  if (remembered === undefined) return ordered;
  const ofLine = ordered.filter(({ line }) => line.id === remembered.lineId);
  const first = ofLine.find(({ address }) => address?.address === remembered.address) ?? ofLine[0];
  return first === undefined ? ordered : [first, ...ordered.filter((candidate) => candidate !== first)];
}

/** The first address of each line, then the second of each, and so on. */
function addressRounds(tier: readonly ResolvedLine[]): LineCandidate[] {
  const heaviestFirst = [...tier].sort((one, other) => other.line.weight - one.line.weight);
  const rounds = Math.max(0, ...tier.map(({ addresses }) => addresses.length));
  return Array.from({ length: rounds }, (_, round) =>
    heaviestFirst
      .filter(({ addresses }) => round < addresses.length)
      .map(({ line, addresses }) => ({ line, address: addresses[round] })),
  ).flat();
}

/** Takes from each family in turn, beginning with that of the first. */
function familiesInTurn(candidates: readonly LineCandidate[]): LineCandidate[] {
  const families = [...new Set(candidates.map(({ address }) => address?.family))].map((family) =>
    candidates.filter(({ address }) => address?.family === family),
  );
  const longest = Math.max(0, ...families.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    families.flatMap((family) => family.slice(turn, turn + 1)),
  ).flat();
}
