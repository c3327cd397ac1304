import type { Line, LoginAnswer, LoginSession, Seal } from './login-answer.ts';

/** Which line is wanted: its id, a transport, or what it must be like. */
export type LineChoice = string | ((line: Line) => boolean);

/** A session, and a line to open it on. */
export interface ChosenLine {
  readonly session: LoginSession;
  readonly line: Line;
}

/**
 * The first session whose gateway has a wanted line of its own, with the first such line; where gateways relay for each
 * other and there is none, the first session on the first wanted line.
 * @param seals what the session must have one of.
 * @param choice an id comes before a transport of the same name. Default: any line.
 * @returns undefined when there is no such line or session.
 */
export function chooseLine(
  { sessions, lines, relays }: Pick<LoginAnswer, 'sessions' | 'lines' | 'relays'>,
  seals: readonly Seal[],
  choice?: LineChoice,
): ChosenLine | undefined {
  const wanted = wantedLines(lines, choice);
  const allowed = sessions.filter(({ seal }) => seals.includes(seal));
  for (const session of allowed) {
    const line = wanted.find(({ gatewayId }) => gatewayId === session.gatewayId);
    if (line !== undefined) return { session, line };
  }
  const [session] = allowed;
  const [line] = wanted;
  return relays && session !== undefined && line !== undefined ? { session, line } : undefined;
}

/** The lines that lead to a session. */
export function linesOf({ lines, relays }: LoginAnswer, { gatewayId }: LoginSession): readonly Line[] {
  return relays ? lines : lines.filter((line) => line.gatewayId === gatewayId);
}

/** The lines that are like that, in their order. */
export function wantedLines(lines: readonly Line[], choice?: LineChoice): readonly Line[] {
  if (choice === undefined) return lines;
  if (typeof choice === 'function') return lines.filter((line) => choice(line));
  const named = lines.filter(({ id }) => id === choice);
  return named.length > 0 ? named : lines.filter(({ transport }) => transport === choice);
}
