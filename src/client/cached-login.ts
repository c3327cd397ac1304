import { parseLoginAnswer, type LoginAnswer, type LoginSession } from './login-answer.ts';
import { parseRfc3339 } from './wall-time.ts';

/** An answer, and when it was asked for by the clock here, in ms of Unix time. */
export interface DatedLogin {
  readonly answer: LoginAnswer;
  readonly askedAtMs: number;
}

/** What a client keeps from one run to the next. */
export interface CachedLogin {
  readonly login: DatedLogin | undefined;
  /** Id of the line that was the best one. */
  readonly line: string | undefined;
}

/** @param logins where the client logs in: what was kept for others is not for this one. */
export function formatCachedLogin({ login, line }: CachedLogin, logins: readonly string[]): string {
  return JSON.stringify({ version: VERSION, logins, line, ...login });
}

/** Checks what was kept, as it would an answer. @returns nothing in it when it is no such text, or of other logins. */
export function parseCachedLogin(text: string | undefined, logins: readonly string[]): CachedLogin {
  const nothing = { login: undefined, line: undefined };
  const fields = text === undefined || text.length > MAX_LENGTH ? undefined : fieldsOf(text);
  if (fields?.version !== VERSION || JSON.stringify(fields.logins) !== JSON.stringify(logins)) return nothing;
  const { answer, askedAtMs } = fields;
  const line =
    typeof fields.line === 'string' && fields.line.length <= MAX_ID_LENGTH ? fields.line : undefined;
  const parsed = parseLoginAnswer(answer);
  const isDated = parsed.ok && typeof askedAtMs === 'number' && Number.isFinite(askedAtMs);
  return { line, login: isDated ? { answer: parsed.answer, askedAtMs } : undefined };
}

/**
 * How long the ticket of a session will still do, in ms; 0 when it will not. The gateway's clock decides, which may be far
 * from the one here: what counts is how much of the ticket's time has passed since the login.
 * @param wallMs the clock here, in ms of Unix time.
 */
export function ticketMsLeft(
  { answer, askedAtMs }: DatedLogin,
  session: LoginSession,
  wallMs: number,
): number {
  const expiresAtMs = parseRfc3339(session.expiresAt) ?? 0;
  const aheadMs = (parseRfc3339(answer.serverTime) ?? askedAtMs) - askedAtMs;
  // A clock that was set back says nothing about the time that passed.
  return Math.max(0, expiresAtMs - (Math.max(wallMs, askedAtMs) + aheadMs) - HANDSHAKE_MS);
}

/** The fields of a JSON object; undefined when it is none. */
function fieldsOf(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const VERSION = 1;
/** Far beyond an answer with many lines. */
const MAX_LENGTH = 2 * 1024 * 1024;
const MAX_ID_LENGTH = 64;
/** A ticket has to reach the gateway before it ends. */
const HANDSHAKE_MS = 5_000;
