import { describe, expect, test } from 'vitest';
import type { SocketAddress } from '../../../../../src/base/address.ts';
import { GatewayError } from '../../../../../src/base/errors.ts';
import type { Line, LineTransport } from '../../../../../src/client/login-answer.ts';
import type { ProbeAck } from '../../../../../src/wire/probe-ack.ts';
import {
  judgeCertificate,
  tlsServers,
} from '../../../../../tools/kcpgate/doctor/server/check-certificates.ts';
import { judgeLoginFailure } from '../../../../../tools/kcpgate/doctor/server/check-login.ts';
import { judgeNatTimeout } from '../../../../../tools/kcpgate/doctor/server/check-nat-timeout.ts';
import { judgePathMtu } from '../../../../../tools/kcpgate/doctor/server/check-path-mtu.ts';
import { explainFault } from '../../../../../tools/kcpgate/doctor/server/fault-words.ts';
import { judgeClockSkew } from '../../../../../tools/kcpgate/doctor/server/judge-clock.ts';
import { judgeLines } from '../../../../../tools/kcpgate/doctor/server/judge-lines.ts';
import { judgeNat } from '../../../../../tools/kcpgate/doctor/server/judge-nat.ts';
import { judgeUdp } from '../../../../../tools/kcpgate/doctor/server/judge-udp.ts';
import type { ProbedWay } from '../../../../../tools/kcpgate/doctor/server/probe-lines.ts';

function lineOf(transport: LineTransport, more: Partial<Line> = {}): Line {
  return {
    id: `eu-${transport}`,
    gatewayId: 1,
    transport,
    tls: transport === 'wss',
    host: 'gw.example',
    port: 4000,
    path: '',
    region: '',
    priority: 0,
    weight: 100,
    ...more,
  };
}

const v4 = (address: string, port = 4000): SocketAddress => ({ address, family: 4, port });

function ackOf(more: Partial<ProbeAck> = {}): ProbeAck {
  return {
    type: 'probeAck',
    conv: 0,
    index: 0,
    ts: 0,
    number: 0,
    nonce: 0,
    load: 0,
    draining: false,
    notReady: false,
    address: null,
    nodeId: 1,
    epochSeconds: 0,
    retryAfterMs: 0,
    ...more,
  };
}

/** A line that answered five probes. */
function goodWay(transport: LineTransport, more: Partial<ProbedWay> = {}): ProbedWay {
  return {
    line: lineOf(transport),
    address: v4('192.0.2.1'),
    fault: undefined,
    rttsMs: [10, 11, 12, 13, 14],
    ack: ackOf(),
    seenAs: [v4('203.0.113.9', 7000)],
    localPort: 5000,
    ...more,
  };
}

const deadWay = (transport: LineTransport, more: Partial<ProbedWay> = {}): ProbedWay =>
  goodWay(transport, { rttsMs: [null, null, null, null, null], ack: undefined, seenAs: [], ...more });

/** As they are nested by fetch and by carriers. */
const systemError = (code: string): Error => Object.assign(new Error(code), { code });
const loginFailed = (cause: Error): GatewayError =>
  new GatewayError('login_failed', 'cannot reach it', { cause: new TypeError('fetch failed', { cause }) });

describe('why something failed', () => {
  test.each([
    ['ECONNREFUSED', 'connection refused', 'nobody listens'],
    ['ENOTFOUND', 'host name not found', 'gw.example spelled'],
    ['CERT_HAS_EXPIRED', 'the certificate has expired', 'clock'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another name', 'gw.example'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'a root that is not known here', 'NODE_EXTRA_CA_CERTS'],
  ])('%s is found at any depth', (code, text, advice) => {
    for (const fault of [systemError(code), loginFailed(systemError(code))]) {
      const words = explainFault(fault, 'gw.example');
      expect(words.text).toContain(text);
      expect(words.advice.join()).toContain(advice);
    }
  });

  test('what is not known is told as it is', () => {
    expect(explainFault(new Error('odd\nmore'), 'gw.example')).toEqual({ text: 'odd', advice: [] });
    const round = new Error('round');
    round.cause = round;
    expect(explainFault(round, 'gw.example').text).toBe('round');
  });
});

describe('a login that failed', () => {
  const url = new URL('https://gw.example/api/login');
  const refused = (status: number, code?: string): GatewayError =>
    new GatewayError('login_refused', `refused: ${String(status)}`, {
      details: { status, problem: { code } },
    });

  test.each([
    [401, undefined, false, 'wants a token'],
    [401, 'token_expired', true, 'a token that is accepted'],
    [403, 'insecure', false, 'https:'],
    [403, 'blocked', false, 'does not let this client in'],
    [404, undefined, false, 'path'],
    [429, 'rate_limited', false, 'wait'],
    [503, 'draining', false, 'wait'],
  ])('%i %s', (status, code, hasToken, advice) => {
    const finding = judgeLoginFailure(refused(status, code), url, hasToken);
    expect(finding).toMatchObject({ check: 'login', status: 'failure', text: `refused: ${String(status)}` });
    expect(finding.advice?.join()).toContain(advice);
  });

  test('for a reason nobody knows has no advice', () => {
    expect(judgeLoginFailure(refused(418), url, false).advice).toBeUndefined();
    expect(judgeLoginFailure(new Error('odd'), url, false)).toMatchObject({ status: 'failure', text: 'odd' });
  });

  test('because the server is not reached or not believed', () => {
    const finding = judgeLoginFailure(loginFailed(systemError('CERT_HAS_EXPIRED')), url, false);
    expect(finding.text).toBe('https://gw.example: the certificate has expired');
    expect(finding.advice).toHaveLength(2);
  });
});

describe('certificates', () => {
  const server = { host: 'gw.example', port: 443 };
  const now = Date.parse('2026-01-01T00:00:00Z');
  const seen = { fault: null, issuer: 'A Root', expiresAtMs: now + 90 * 86_400_000 };

  test('of each server once', () => {
    const lines = [
      lineOf('wss', { port: 443 }),
      lineOf('tcp', { tls: true, port: 4001 }),
      lineOf('tcp'),
      lineOf('udp'),
    ];
    expect(tlsServers(new URL('https://gw.example/api/login'), lines)).toEqual([
      server,
      { host: 'gw.example', port: 4001 },
    ]);
    expect(tlsServers(new URL('http://[::1]:8080/'), [])).toEqual([]);
    expect(tlsServers(new URL('https://[::1]:8443/'), [])).toEqual([{ host: '::1', port: 8443 }]);
  });

  test('are good, about to end, or not believed', () => {
    expect(judgeCertificate(server, seen, now)).toMatchObject({
      status: 'ok',
      text: 'gw.example:443: good for 90 days, by A Root',
    });
    const ending = { ...seen, expiresAtMs: now + 9 * 86_400_000 };
    expect(judgeCertificate(server, ending, now)).toMatchObject({ status: 'warning' });
    const expired = { ...seen, fault: systemError('CERT_HAS_EXPIRED') };
    expect(judgeCertificate(server, expired, now)).toMatchObject({
      status: 'failure',
      text: 'gw.example:443: the certificate has expired (by A Root)',
    });
  });

  test('of whoever is there are not to be trusted in what they say', () => {
    const undated = judgeCertificate(server, { ...seen, expiresAtMs: Number.NaN }, now);
    expect(undated).toMatchObject({ status: 'warning', details: { expiresAt: null } });
    const issuer = 'A\u001b[2J\nok    all  is well';
    expect(judgeCertificate(server, { ...seen, issuer }, now).text).toContain('by A?[2J?ok');
  });
});

describe('the clock', () => {
  const serverTime = '2026-01-01T00:00:00Z';
  const at = Date.parse(serverTime);

  test.each([
    [0, 100, 'ok'],
    [-1_900, 100, 'ok'],
    [25_000, 100, 'note'],
    [-120_000, 100, 'warning'],
    [120_000, 100, 'warning'],
    // It may all be the way of the answer.
    [-5_000, 10_000, 'ok'],
  ])('%i ms apart, asked for %i ms: %s', (apartMs, tookMs, status) => {
    expect(judgeClockSkew(serverTime, at + apartMs, tookMs).status).toBe(status);
  });

  test('says which way', () => {
    expect(judgeClockSkew(serverTime, at - 60_000, 0).text).toBe('60.0 s behind the gateway');
    expect(judgeClockSkew(serverTime, at + 60_000, 0).text).toBe('60.0 s ahead of the gateway');
    expect(judgeClockSkew('', at, 0).status).toBe('note');
  });
});

describe('lines', () => {
  const judge = (...ways: ProbedWay[]) => judgeLines(ways)[0];

  test('that answer are good', () => {
    expect(judge(goodWay('udp'))).toMatchObject({
      check: 'line eu-udp',
      status: 'ok',
      text: 'udp: 192.0.2.1:4000 12.0 ms',
    });
    const tls = judge(goodWay('tcp', { line: lineOf('tcp', { tls: true }) }));
    expect(tls?.text).toBe('tcp with TLS: 192.0.2.1:4000 12.0 ms');
  });

  test('that lose probes, drain, or are not ready are told', () => {
    expect(judge(goodWay('udp', { rttsMs: [10, null, 12, 13, 14] }))).toMatchObject({
      status: 'warning',
      text: expect.stringContaining('1 of 5 lost') as string,
    });
    expect(judge(goodWay('udp', { ack: ackOf({ draining: true }) }))?.text).toContain('draining');
    expect(judge(goodWay('udp', { ack: ackOf({ notReady: true }) }))?.text).toContain('not ready');
  });

  test('that answer at one address only are told', () => {
    const line = lineOf('tcp');
    const v6 = { address: '2001:db8::1', family: 6, port: 4000 } as const;
    const finding = judge(
      goodWay('tcp', { line }),
      deadWay('tcp', { line, address: v6, fault: systemError('ENETUNREACH') }),
    );
    expect(finding).toMatchObject({
      status: 'warning',
      text: 'tcp: 192.0.2.1:4000 12.0 ms; [2001:db8::1]:4000: network unreachable',
    });
    expect(finding?.advice?.[0]).toContain('IPv6 is broken');
  });

  test('that do not answer are told, with what to do', () => {
    expect(judge(deadWay('udp'))).toMatchObject({
      status: 'warning',
      text: 'udp: 192.0.2.1:4000: no answer',
    });
    expect(judge(deadWay('ws'))?.advice?.[0]).toContain('no gateway');
    const refused = judge(deadWay('tcp', { fault: systemError('ECONNREFUSED') }));
    expect(refused?.advice?.[0]).toContain('nobody listens');
    const lost = judge(deadWay('tcp', { address: undefined, fault: systemError('ENOTFOUND') }));
    expect(lost?.text).toBe('tcp: gw.example: host name not found');
  });
});

describe('UDP', () => {
  test.each([
    ['gets through', [goodWay('udp'), deadWay('tcp')], 'ok'],
    ['is blocked', [deadWay('udp'), goodWay('tcp')], 'warning'],
    ['is not offered', [goodWay('tcp')], 'note'],
    ['and all else is dead', [deadWay('udp'), deadWay('tcp')], 'failure'],
    ['is not offered, and all else is dead', [deadWay('tcp')], 'failure'],
  ])('%s', (_, ways, status) => {
    expect(judgeUdp(ways).status).toBe(status);
  });
});

describe('NAT', () => {
  const own = new Set(['203.0.113.9']);

  test('is there when the address is another one, or the port', () => {
    expect(judgeNat([goodWay('udp', { localPort: 7000 })], own)).toMatchObject([{ status: 'ok' }]);
    expect(judgeNat([goodWay('udp')], own)).toMatchObject([{ status: 'note' }]);
    expect(judgeNat([goodWay('udp', { localPort: 7000 })], new Set())).toMatchObject([
      { status: 'note', text: 'behind one: the gateway sees 203.0.113.9' },
    ]);
  });

  test('that changes the address of a socket in use is told', () => {
    const seenAs = [v4('203.0.113.9', 7000), v4('203.0.113.9', 7001)];
    expect(judgeNat([goodWay('udp', { seenAs })], own)).toMatchObject([
      { status: 'warning', text: expect.stringContaining('7000, 203.0.113.9:7001') as string },
    ]);
  });

  test('is not known without an answer by UDP', () => {
    expect(judgeNat([deadWay('udp'), goodWay('tcp')], own)).toEqual([]);
  });

  const silences = (...kept: (boolean | undefined)[]) =>
    kept.map((isKept, index) => ({ silentMs: [10_000, 30_000, 60_000, 120_000][index]!, isKept }));

  test.each([
    [[true, true, true, true], 'ok', '2m at least'],
    [[true, true, false, false], 'ok', 'after 30s not yet'],
    [[true, undefined, undefined, undefined], 'ok', '10s at least'],
    [[false, false, false, false], 'warning', 'silent for 10s gets another'],
    [[undefined, false, false, false], 'warning', 'silent for 30s'],
    [[undefined, undefined, undefined, undefined], 'note', 'not found out'],
  ])('mappings kept %j: %s', (kept, status, text) => {
    const finding = judgeNatTimeout(silences(...kept));
    expect(finding.status).toBe(status);
    expect(finding.text).toContain(text);
  });
});

describe('the path MTU', () => {
  const sizes = { needed: 1428, headerBytes: 28 };

  test('is large enough, too small, or not known', () => {
    const all = judgePathMtu('udp', { ...sizes, answered: [576, 1428, 1500], unanswered: [] });
    expect(all).toMatchObject({ status: 'ok', details: { largest: 1500 } });
    const some = judgePathMtu('udp', { ...sizes, answered: [576, 1280], unanswered: [1428, 1500] });
    expect(some).toMatchObject({ status: 'warning', details: { largest: 1280 } });
    expect(some.advice?.join()).toContain('sessions.mtu: 1252');
    const none = judgePathMtu('udp', { ...sizes, answered: [], unanswered: [576, 1428] });
    expect(none.status).toBe('note');
  });
});
