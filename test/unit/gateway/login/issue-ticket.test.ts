import { describe, expect, it } from 'vitest';
import { createResetTokens, deriveResetKey } from '../../../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../../../src/crypto/ticket-keyring.ts';
import { issueTicket, type IssueTicketOptions } from '../../../../src/gateway/login/issue-ticket.ts';
import { NOW_MS, ticketOf } from './login-world.ts';

const ticketKey = { id: 4, key: new Uint8Array(32).fill(9) };
const resetKey = new Uint8Array(32).fill(8);
const keyring = new TicketKeyring([ticketKey]);

describe('a ticket of a login server of one’s own', () => {
  it('opens what it was issued for', () => {
    const session = issueTicket({
      ticketKey,
      resetKey,
      conv: 0x05000001,
      subject: 'user-7',
      claims: { tier: 'gold' },
      ttlMs: 1000,
      seal: 'clear',
      nowMs: NOW_MS,
    });
    expect(session).toMatchObject({
      gatewayId: 5,
      conv: 0x05000001,
      seal: 'clear',
      expiresAt: new Date(NOW_MS + 1000).toISOString(),
      resetToken: Buffer.from(createResetTokens(resetKey).tokenOf(0x05000001)).toString('base64url'),
    });
    expect(ticketOf(keyring, session)).toMatchObject({
      conv: 0x05000001,
      issuedMs: NOW_MS,
      expiresMs: NOW_MS + 1000,
      secret: new Uint8Array(Buffer.from(session.secret, 'base64url')),
      seal: 'clear',
      subject: 'user-7',
      claims: '{"tier":"gold"}',
    });
  });

  it('has what is not said by default', () => {
    const before = Date.now();
    const session = issueTicket({ ticketKey, gatewayId: 200 });
    const body = ticketOf(keyring, session);
    expect(session).toMatchObject({ gatewayId: 200, seal: 'aes-128-gcm' });
    expect(session.conv >>> 24).toBe(200);
    expect(body).toMatchObject({ seal: 'aead', subject: '', claims: '' });
    expect(body.expiresMs - body.issuedMs).toBe(12 * 3_600_000);
    expect(body.issuedMs).toBeGreaterThanOrEqual(before);
    const derived = createResetTokens(deriveResetKey(ticketKey.key)).tokenOf(session.conv);
    expect(session.resetToken).toBe(Buffer.from(derived).toString('base64url'));
  });

  it('has another secret and another conversation each time', () => {
    const sessions = Array.from({ length: 20 }, () => issueTicket({ ticketKey, gatewayId: 1 }));
    expect(new Set(sessions.map(({ secret }) => secret)).size).toBe(20);
    expect(new Set(sessions.map(({ conv }) => conv)).size).toBe(20);
  });

  it.each<[string, Partial<IssueTicketOptions>]>([
    ['no gateway', {}],
    ['a gateway and a conversation', { gatewayId: 1, conv: 0x01000001 }],
    ['a gateway that does not exist', { gatewayId: 256 }],
    ['half a gateway', { gatewayId: 0.5 }],
    ['conversation 0', { conv: 0 }],
    ['a conversation that looks like a header', { conv: 0x0100ec56 }],
    ['a conversation of 33 bits', { conv: 2 ** 32 }],
    ['a short ticket key', { gatewayId: 1, ticketKey: { id: 1, key: new Uint8Array(16) } }],
    ['a key id that is no byte', { gatewayId: 1, ticketKey: { id: 256, key: new Uint8Array(32) } }],
    ['a short reset key', { gatewayId: 1, resetKey: new Uint8Array(16) }],
    ['a long subject', { gatewayId: 1, subject: 'é'.repeat(128) }],
    ['a line break in the subject', { gatewayId: 1, subject: 'a\nb' }],
    ['long claims', { gatewayId: 1, claims: { a: 'x'.repeat(676) } }],
    ['no time to live', { gatewayId: 1, ttlMs: 0 }],
    ['a time that is none', { gatewayId: 1, nowMs: NaN }],
  ])('is not issued for %s', (_, changes) => {
    expect(() => issueTicket({ ticketKey, ...changes })).toThrow(RangeError);
  });
});
