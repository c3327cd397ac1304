import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLoginAnswer, type LoginAnswer } from '../../../src/client/login-answer.ts';
import { sessionCredentials } from '../../../src/client/session-credentials.ts';
import { goodAnswer } from './answer.ts';

function parsed(value: unknown): LoginAnswer {
  const result = parseLoginAnswer(value);
  if (!result.ok) throw new Error(result.error);
  return result.answer;
}

/** The answer with something else at a path. */
function changed(path: string, value: unknown): unknown {
  const answer = goodAnswer();
  const keys = path.split('.');
  const last = keys.pop()!;
  let place = answer;
  for (const key of keys) place = place[key] as Record<string, unknown>;
  place[last] = value;
  return JSON.parse(JSON.stringify(answer));
}

describe('a good answer', () => {
  test('is what the gateway says, complete', () => {
    const answer = parsed(goodAnswer());
    expect(answer.transport).toEqual(goodAnswer().transport);
    expect(answer.probe).toEqual(goodAnswer().probe);
    expect(answer.relays).toBe(true);
    expect(answer.lines.map(({ id, tls, path, region }) => [id, tls, path, region])).toEqual([
      ['eu-udp', false, '', 'eu'],
      ['eu-tcp', true, '', ''],
      ['eu-ws', false, '/kcp', ''],
      ['eu-wss', true, '/a/b?c=d', ''],
    ]);
  });

  test('is read again from what it was read to, as it was', () => {
    const answer = parsed(goodAnswer());
    expect(parsed(JSON.parse(JSON.stringify(answer)))).toEqual(answer);
  });

  test('needs no terms: what is missing is as gateways have it', () => {
    const { sessions, lines } = goodAnswer();
    expect(parsed({ sessions, lines })).toMatchObject({
      relays: false,
      transport: {
        mtu: 1400,
        mode: 'fast3',
        sendWindow: 1024,
        receiveWindow: 1024,
        maxMessageBytes: 65_535,
      },
      probe: { count: 5, intervalMs: 100, deadlineMs: 4000 },
      serverTime: '',
    });
  });

  test('may hold what this version does not know', () => {
    const answer = goodAnswer();
    const [session] = answer.sessions as object[];
    const [line] = answer.lines as object[];
    const newer = {
      ...answer,
      sessions: [{ seal: 'aes-256-siv' }, { ...session, later: 1 }],
      lines: [
        { id: 'q', transport: 'quic', host: 1 },
        { ...line, later: {} },
      ],
      later: [],
    };
    const { sessions, lines } = parsed(newer);
    expect([sessions.length, lines.map(({ id }) => id)]).toEqual([1, ['eu-udp']]);
    expect(JSON.stringify(parsed(newer))).not.toContain('later');
  });

  test('has credentials of the right lengths', () => {
    const { conv, ticket, secret, resetToken, seal } = sessionCredentials(parsed(goodAnswer()).sessions[0]!);
    expect(conv >>> 24).toBe(1);
    expect([ticket[0], secret.length, resetToken.length, seal]).toEqual([1, 32, 16, 'aead']);
  });
});

describe('refused, with the place and without the value', () => {
  test.each<[string, unknown]>([
    ['sessions', undefined],
    ['sessions', []],
    ['sessions', {}],
    ['sessions', Array.from({ length: 65 }, () => ({ seal: 'x' }))],
    ['sessions.0', 'x'],
    ['sessions.0.seal', 5],
    ['sessions.0.gatewayId', 256],
    ['sessions.0.gatewayId', 2],
    ['sessions.0.conv', 0],
    ['sessions.0.conv', 2 ** 32],
    ['sessions.0.conv', 1.5],
    ['sessions.0.conv', 0x0100ec56],
    ['sessions.0.ticket', 'AAAA'],
    ['sessions.0.ticket', 'A'.repeat(1500)],
    ['sessions.0.ticket', `${'A'.repeat(200)}=`],
    ['sessions.0.secret', 'A'.repeat(42)],
    ['sessions.0.secret', 'A'.repeat(44)],
    ['sessions.0.resetToken', 'A'.repeat(23)],
    ['sessions.0.expiresAt', 'tomorrow'],
    ['lines', []],
    ['lines', null],
    ['lines.0.id', ''],
    ['lines.0.id', 'a,b'],
    ['lines.0.id', 'eu-tcp'],
    ['lines.0.id', 'a\u0000'],
    ['lines.0.host', 'gw.example/evil'],
    ['lines.0.host', 'user@gw.example'],
    ['lines.0.host', ''],
    ['lines.0.port', 0],
    ['lines.0.port', '4000'],
    ['lines.0.priority', -1],
    ['lines.0.weight', 65_536],
    ['lines.1.tls', 'yes'],
    ['lines.2.path', 'kcp'],
    ['lines.2.path', '/kcp#x'],
    ['lines.2.path', '/k cp'],
    ['relays', 1],
    ['transport', []],
    ['transport.mtu', 100],
    ['transport.mode', 'toString'],
    ['transport.sendWindow', 65_536],
    ['transport.maxMessageBytes', 0],
    ['probe.count', 0],
    ['serverTime', 5],
  ])('%s = %j', (path, value) => {
    const result = parseLoginAnswer(changed(path, value));
    if (result.ok) throw new Error('it was accepted');
    const [place] = path.split('.');
    expect(result.error).toMatch(new RegExp(`^${place!}[:.[]`));
    if (typeof value === 'string' && value.length > 5) expect(result.error).not.toContain(value);
  });

  test.each([[undefined], [null], [5], ['text'], [[]]])('%j in its place', (value) => {
    expect(parseLoginAnswer(value)).toEqual({ ok: false, error: 'is no object' });
  });

  test('whatever it is, nothing throws and nothing out of bounds gets through', () => {
    const place = fc.constantFrom('', ...Object.keys(goodAnswer()));
    fc.assert(
      fc.property(place, fc.jsonValue({ maxDepth: 4 }), fc.nat(), (key, value, pick) => {
        const answer = key === '' ? value : { ...goodAnswer(), [key]: value };
        const list = (goodAnswer().lines as object[])[pick % 4]!;
        const spoilt =
          pick % 3 === 0
            ? { ...goodAnswer(), lines: [{ ...list, [Object.keys(list)[pick % 5]!]: value }] }
            : answer;
        const result = parseLoginAnswer(spoilt);
        if (!result.ok) return;
        for (const { port, host, id } of result.answer.lines) {
          expect(port > 0 && port < 65_536 && host.length < 254 && id.length < 65).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
