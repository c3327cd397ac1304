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

/** Lines to open a session on, in the order of the login, and which session that is on each. */
export type OpeningLines = ReadonlyMap<Line, LoginSession>;

/**
 * Every line that can be used: for the session of its own gateway, else, where gateways relay for each other, for the first
 * session. With a choice, what {@link chooseLine} says alone. Empty when there is none.
 */
export function openingLines(
  answer: Pick<LoginAnswer, 'sessions' | 'lines' | 'relays'>,
  seals: readonly Seal[],
  choice?: LineChoice,
): OpeningLines {
  if (choice !== undefined) {
    const chosen = chooseLine(answer, seals, choice);
    return new Map(chosen === undefined ? [] : [[chosen.line, chosen.session]]);
  }
  const { sessions, lines, relays } = answer;
  const allowed = sessions.filter(({ seal }) => seals.includes(seal));
  const first = relays ? allowed[0] : undefined;
  const opening = new Map<Line, LoginSession>();
  for (const line of lines) {
    const session = allowed.find(({ gatewayId }) => gatewayId === line.gatewayId) ?? first;
    if (session !== undefined) opening.set(line, session);
  }
  return opening;
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
