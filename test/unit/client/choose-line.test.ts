import { describe, expect, test } from 'vitest';
import { chooseLine, linesOf, openingLines, type LineChoice } from '../../../src/client/choose-line.ts';
import { parseLoginAnswer, type LoginAnswer, type Seal } from '../../../src/client/login-answer.ts';
import { issueTicket } from '../../../src/gateway/login/issue-ticket.ts';

/** Sessions of gateways 2 and 1, in that order of preference; two lines each, those of 1 first. */
function answer(relays = false, seals: readonly Seal[] = ['aes-128-gcm', 'aes-128-gcm']): LoginAnswer {
  const ticketKey = { id: 1, key: new Uint8Array(32) };
  const line = (gatewayId: number, transport: string): object => {
    return { id: `${String(gatewayId)}-${transport}`, gatewayId, transport, host: 'gw.example', port: 4000 };
  };
  const parsed = parseLoginAnswer({
    sessions: [2, 1].map((gatewayId, i) => issueTicket({ ticketKey, gatewayId, seal: seals[i]! })),
    lines: [line(1, 'udp'), line(1, 'tcp'), line(2, 'udp'), line(2, 'ws')],
    relays,
  });
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.answer;
}

function chosen(from: LoginAnswer, choice?: LineChoice, seals: readonly Seal[] = ['aes-128-gcm']): unknown {
  const found = chooseLine(from, seals, choice);
  return found === undefined ? undefined : [found.session.gatewayId, found.line.id];
}

describe('the line to begin on', () => {
  test('is the first one of the best session by default', () => {
    expect(chosen(answer())).toEqual([2, '2-udp']);
  });

  test('may be chosen by id, by transport, by anything', () => {
    expect(chosen(answer(), '1-tcp')).toEqual([1, '1-tcp']);
    expect(chosen(answer(), 'ws')).toEqual([2, '2-ws']);
    expect(chosen(answer(), 'tcp')).toEqual([1, '1-tcp']);
    expect(chosen(answer(), ({ gatewayId }) => gatewayId === 1)).toEqual([1, '1-udp']);
  });

  test('is none when nothing is like that', () => {
    expect(chosen(answer(), 'wss')).toBeUndefined();
    expect(chosen(answer(), () => false)).toBeUndefined();
    expect(chosen(answer(), undefined, ['clear'])).toBeUndefined();
  });

  test('has a session with a seal that is wanted', () => {
    const mixed = answer(false, ['clear', 'aes-128-gcm']);
    expect(chosen(mixed)).toEqual([1, '1-udp']);
    expect(chosen(mixed, undefined, ['clear'])).toEqual([2, '2-udp']);
    expect(chosen(mixed, '2-ws')).toBeUndefined();
  });

  test('may be relayed only where gateways relay', () => {
    const mixed = answer(true, ['clear', 'aes-128-gcm']);
    expect(chosen(mixed, '2-ws')).toEqual([1, '2-ws']);
  });
});

test('the lines of a session are those of its gateway, or all where gateways relay', () => {
  const ids = (from: LoginAnswer): string[] => linesOf(from, from.sessions[0]!).map(({ id }) => id);
  expect(ids(answer())).toEqual(['2-udp', '2-ws']);
  expect(ids(answer(true))).toHaveLength(4);
});

describe('the lines to open a session on', () => {
  const opening = (
    from: LoginAnswer,
    choice?: LineChoice,
    seals: readonly Seal[] = ['aes-128-gcm'],
  ): unknown => [...openingLines(from, seals, choice)].map(([line, { gatewayId }]) => [line.id, gatewayId]);

  test('are those of every gateway, each for its own session', () => {
    expect(opening(answer())).toEqual([
      ['1-udp', 1],
      ['1-tcp', 1],
      ['2-udp', 2],
      ['2-ws', 2],
    ]);
    expect(opening(answer(true))).toEqual(opening(answer()));
  });

  test('are for the first session where gateways relay and have none of their own', () => {
    const mixed = answer(true, ['clear', 'aes-128-gcm']);
    expect(opening(mixed)).toEqual([
      ['1-udp', 1],
      ['1-tcp', 1],
      ['2-udp', 1],
      ['2-ws', 1],
    ]);
    expect(opening({ ...mixed, relays: false })).toEqual([
      ['1-udp', 1],
      ['1-tcp', 1],
    ]);
  });

  test('are one where it was chosen, or none', () => {
    expect(opening(answer(), 'udp')).toEqual([['2-udp', 2]]);
    expect(opening(answer(), 'wss')).toEqual([]);
    expect(opening(answer(), undefined, ['clear'])).toEqual([]);
  });
});
