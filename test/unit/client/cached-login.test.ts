import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatCachedLogin,
  parseCachedLogin,
  ticketMsLeft,
  type DatedLogin,
} from '../../../src/client/cached-login.ts';
import { parseLoginAnswer, type LoginAnswer } from '../../../src/client/login-answer.ts';
import { goodAnswer } from './answer.ts';

const LOGINS = ['https://a.example/api/login', 'https://b.example/api/login'];

function answerOf(times: { readonly expiresAt: string; readonly serverTime: string }): LoginAnswer {
  const json = goodAnswer();
  const [session] = json.sessions as Record<string, unknown>[];
  const parsed = parseLoginAnswer({
    ...json,
    sessions: [{ ...session, expiresAt: times.expiresAt }],
    serverTime: times.serverTime,
  });
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.answer;
}

const login: DatedLogin = {
  answer: answerOf({ expiresAt: '2026-01-01T12:00:00Z', serverTime: '2026-01-01T00:00:00Z' }),
  askedAtMs: 1_000_000,
};

describe('what is kept', () => {
  test('comes back as it was', () => {
    const kept = { login, line: 'eu-tcp' };
    expect(parseCachedLogin(formatCachedLogin(kept, LOGINS), LOGINS)).toEqual(kept);
    const noLogin = { login: undefined, line: 'eu-tcp' };
    expect(parseCachedLogin(formatCachedLogin(noLogin, LOGINS), LOGINS)).toEqual(noLogin);
    const noLine = { login, line: undefined };
    expect(parseCachedLogin(formatCachedLogin(noLine, LOGINS), LOGINS)).toEqual(noLine);
  });

  test('is for its logins alone', () => {
    const text = formatCachedLogin({ login, line: 'eu-tcp' }, LOGINS);
    expect(parseCachedLogin(text, LOGINS.slice(1))).toEqual({ login: undefined, line: undefined });
  });

  test.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['another JSON', 'null'],
    ['another version', JSON.stringify({ version: 2, logins: LOGINS, line: 'a' })],
    ['a line that is no text', JSON.stringify({ version: 1, logins: LOGINS, line: 5 })],
    ['an answer that is none', JSON.stringify({ version: 1, logins: LOGINS, answer: {}, askedAtMs: 0 })],
    ['no date', JSON.stringify({ version: 1, logins: LOGINS, answer: goodAnswer() })],
  ])('%s is no login', (_, text) => {
    expect(parseCachedLogin(text, LOGINS)).toEqual({ login: undefined, line: undefined });
  });

  test('no text is too odd', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseCachedLogin(text, LOGINS).login).toBeUndefined();
      }),
    );
  });
});

describe('what is left of a ticket', () => {
  const HOUR_MS = 3_600_000;
  const [session] = login.answer.sessions;

  test('is its time from the login on, less a moment for the handshake, whatever the clock here says', () => {
    for (const askedAtMs of [0, Date.parse('2026-01-01T00:00:00Z'), Date.parse('2040-01-01T00:00:00Z')]) {
      const dated = { ...login, askedAtMs };
      expect(ticketMsLeft(dated, session!, askedAtMs)).toBe(12 * HOUR_MS - 5_000);
      expect(ticketMsLeft(dated, session!, askedAtMs + 11 * HOUR_MS)).toBe(HOUR_MS - 5_000);
      expect(ticketMsLeft(dated, session!, askedAtMs + 12 * HOUR_MS - 5_001)).toBe(1);
      expect(ticketMsLeft(dated, session!, askedAtMs + 12 * HOUR_MS - 5_000)).toBe(0);
      expect(ticketMsLeft(dated, session!, askedAtMs + 99 * HOUR_MS)).toBe(0);
    }
  });

  test('is what it was when the clock was set back', () => {
    expect(ticketMsLeft(login, session!, 0)).toBe(12 * HOUR_MS - 5_000);
  });

  test('goes by the clock here where the login does not tell its own', () => {
    const answer = answerOf({ expiresAt: '2026-01-01T12:00:00+01:00', serverTime: '' });
    const dated = { answer, askedAtMs: Date.parse('2026-01-01T09:00:00Z') };
    expect(ticketMsLeft(dated, answer.sessions[0]!, dated.askedAtMs)).toBe(2 * HOUR_MS - 5_000);
  });
});
