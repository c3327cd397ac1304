import { describe, expect, it } from 'vitest';
import { TicketKeyring } from '../../../src/crypto/ticket-keyring.ts';
import type { TicketOpener } from '../../../src/session/ticket-opener.ts';
import { MAX_CLAIMS_BYTES, MAX_TICKET_BYTES, type TicketBody } from '../../../src/wire/ticket.ts';
import { fromHex, toHex, vectors } from './key-vectors.ts';

const keyOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const body: TicketBody = {
  conv: 0x01020304,
  issuedMs: 1_760_000_000_000,
  expiresMs: 1_760_043_200_000,
  secret: keyOf(7),
  seal: 'aead',
  subject: 'user-7',
  claims: '{"tier":"gold"}',
};

describe('tickets', () => {
  it('are the fixed ones', () => {
    const { inputs, ticket } = vectors;
    const keyring = new TicketKeyring([{ id: inputs.ticketKeyId, key: fromHex(inputs.ticketKey) }]);
    const { conv, issuedMs, expiresMs, subject, claims } = inputs;
    const secret = fromHex(inputs.secret);
    const expected = { conv, issuedMs, expiresMs, secret, seal: 'aead', subject, claims } as const;
    expect(toHex(keyring.seal(expected, fromHex(inputs.ticketNonce)))).toBe(ticket);
    expect(keyring.open(fromHex(ticket), 0, ticket.length / 2)).toEqual(expected);
  });

  it('are opened where they lie, and stay as they are', () => {
    const keyring: TicketOpener = new TicketKeyring([{ id: 0, key: keyOf(1) }]);
    const ticket = new TicketKeyring([{ id: 0, key: keyOf(1) }]).seal(body);
    const around = Uint8Array.from([1, 2, 3, ...ticket, 4, 5]);
    const before = around.slice();
    expect(keyring.open(around, 3, ticket.length)).toEqual(body);
    expect(around).toEqual(before);
  });

  it('of the same body differ: the nonce is another each time', () => {
    const keyring = new TicketKeyring([{ id: 0, key: keyOf(1) }]);
    const nonces = Array.from({ length: 100 }, () => toHex(keyring.seal(body).subarray(2, 14)));
    expect(new Set(nonces).size).toBe(100);
  });

  it('carry the longest parts, and not one byte more', () => {
    const keyring = new TicketKeyring([{ id: 255, key: keyOf(1) }]);
    const longest = { ...body, subject: 's'.repeat(255), claims: 'c'.repeat(MAX_CLAIMS_BYTES) };
    const ticket = keyring.seal(longest);
    expect(ticket).toHaveLength(MAX_TICKET_BYTES);
    expect(keyring.open(ticket, 0, ticket.length)).toEqual(longest);
    expect(() => keyring.seal({ ...longest, claims: `${longest.claims}c` })).toThrow(RangeError);
    expect(() => keyring.seal(body, new Uint8Array(11))).toThrow(RangeError);
  });
});

describe('tickets are refused', () => {
  const keyring = new TicketKeyring([{ id: 5, key: keyOf(1) }]);
  const ticket = keyring.seal(body);

  it('when any one bit is another', () => {
    for (let bit = 0; bit < ticket.length * 8; bit++) {
      const altered = ticket.slice();
      altered[bit >> 3]! ^= 1 << (bit & 7);
      const expected = bit < 8 ? 'ticket_malformed' : bit < 16 ? 'ticket_unknown_key' : 'ticket_forged';
      expect(keyring.open(altered, 0, altered.length), `bit ${String(bit)}`).toBe(expected);
    }
  });

  it('at every length but their own', () => {
    const longer = Uint8Array.from([...ticket, ...new Uint8Array(1024)]);
    for (let length = 0; length < longer.length; length++) {
      const result = keyring.open(longer, 0, length);
      if (length === ticket.length) expect(result).toEqual(body);
      else expect(['ticket_malformed', 'ticket_forged']).toContain(result);
    }
  });

  it('when they go beyond the bytes', () => {
    expect(keyring.open(ticket.subarray(0, ticket.length - 1), 0, ticket.length)).toBe('ticket_malformed');
    expect(keyring.open(ticket, 1, ticket.length)).toBe('ticket_malformed');
  });

  it('with another key of the same id, and with the same key under another id', () => {
    const other = new TicketKeyring([{ id: 5, key: keyOf(2) }]);
    expect(other.open(ticket, 0, ticket.length)).toBe('ticket_forged');
    const renamed = new TicketKeyring([
      { id: 6, key: keyOf(1) },
      { id: 5, key: keyOf(2) },
    ]);
    const relabelled = ticket.slice();
    relabelled[1] = 6;
    expect(renamed.open(relabelled, 0, ticket.length)).toBe('ticket_forged');
  });
});

describe('a keyring', () => {
  const old = { id: 1, key: keyOf(1) };
  const next = { id: 2, key: keyOf(2) };

  it('seals with the first key and opens with any, so that keys can be changed', () => {
    const ticketOf = (keyring: TicketKeyring): Uint8Array => keyring.seal(body);
    const steps = [[old], [old, next], [next, old], [next]].map((keys) => new TicketKeyring(keys));
    const [first, second, third, last] = steps.map(ticketOf);
    const opens = (keyring: TicketKeyring, ticket: Uint8Array): boolean =>
      typeof keyring.open(ticket, 0, ticket.length) === 'object';
    // Neighbouring steps understand each other: gateways need not change at the same moment.
    expect(opens(steps[1]!, first!) && opens(steps[0]!, second!)).toBe(true);
    expect(opens(steps[2]!, second!) && opens(steps[1]!, third!)).toBe(true);
    expect(opens(steps[3]!, third!) && opens(steps[2]!, last!)).toBe(true);
    expect(steps[3]!.open(first!, 0, first!.length)).toBe('ticket_unknown_key');
  });

  it('keeps copies of its keys', () => {
    const key = keyOf(3);
    const keyring = new TicketKeyring([{ id: 0, key }]);
    const ticket = keyring.seal(body);
    key.fill(0);
    expect(keyring.open(ticket, 0, ticket.length)).toEqual(body);
  });

  it.each([
    ['no key', []],
    ['an id twice', [old, { id: 1, key: keyOf(2) }]],
    ['an id that is no byte', [{ id: 256, key: keyOf(1) }]],
    ['a negative id', [{ id: -1, key: keyOf(1) }]],
    ['half an id', [{ id: 0.5, key: keyOf(1) }]],
    ['a short key', [{ id: 0, key: new Uint8Array(16) }]],
  ])('is not made of %s', (_, keys) => {
    expect(() => new TicketKeyring(keys)).toThrow(RangeError);
  });
});
