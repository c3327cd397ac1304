import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADDRESS_BLOCK_BYTES } from '../../../src/wire/address-block.ts';
import { HELLO_HEADER_BYTES, MIN_UDP_HELLO_BYTES } from '../../../src/wire/hello.ts';
import { SEAL_TAG_BYTES } from '../../../src/wire/sealed-header.ts';
import { SEGMENT_HEADER_BYTES } from '../../../src/wire/segment.ts';
import {
  MAX_CLAIMS_BYTES,
  MAX_SUBJECT_BYTES,
  MAX_TICKET_BYTES,
  MIN_TICKET_BYTES,
  readTicketBody,
  TICKET_HEADER_BYTES,
  TICKET_TAG_BYTES,
  type TicketBody,
  writeTicketBody,
} from '../../../src/wire/ticket.ts';

const valid: TicketBody = {
  conv: 1,
  issuedMs: 1,
  expiresMs: 2,
  secret: new Uint8Array(32),
  seal: 'aead',
  subject: '',
  claims: '',
};
const ticketBytes = (body: TicketBody): number =>
  TICKET_HEADER_BYTES + writeTicketBody(body).length + TICKET_TAG_BYTES;

const time = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER));
const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength });

describe('ticket body', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(
        fc.record({
          conv: fc.integer({ min: 0, max: 0xffffffff }),
          issuedMs: time,
          expiresMs: time,
          secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
          seal: fc.constantFrom<'aead' | 'clear'>('aead', 'clear'),
          subject: text(60),
          claims: text(150),
        }),
        (body) => {
          expect(readTicketBody(writeTicketBody(body))).toEqual(body);
        },
      ),
    );
  });

  it('with nothing in it is the shortest, with everything the longest ticket', () => {
    expect(ticketBytes(valid)).toBe(MIN_TICKET_BYTES);
    const subject = 's'.repeat(MAX_SUBJECT_BYTES);
    const claims = 'c'.repeat(MAX_CLAIMS_BYTES);
    expect(ticketBytes({ ...valid, subject, claims })).toBe(MAX_TICKET_BYTES);
  });

  it('the longest ticket leaves a HELLO of 1200 bytes room for WASK and PADDING', () => {
    const room =
      MIN_UDP_HELLO_BYTES - HELLO_HEADER_BYTES - MAX_TICKET_BYTES - ADDRESS_BLOCK_BYTES - SEAL_TAG_BYTES;
    expect(room).toBe(110);
    expect(room).toBeGreaterThanOrEqual(2 * SEGMENT_HEADER_BYTES);
  });

  it.each<[string, Partial<TicketBody>]>([
    ['a subject of 256 bytes', { subject: 'ä'.repeat(128) }],
    ['claims of 684 bytes', { claims: 'ä'.repeat(342) }],
    ['a short secret', { secret: new Uint8Array(31) }],
    ['a long secret', { secret: new Uint8Array(33) }],
    ['a negative time', { issuedMs: -1 }],
    ['a time with a fraction', { expiresMs: 1.5 }],
    ['a time that is no safe integer', { expiresMs: 2 ** 53 }],
    ['no time', { expiresMs: Number.NaN }],
    ['a conv of 33 bits', { conv: 2 ** 32 }],
    ['a negative conv', { conv: -1 }],
  ])('refuses to write %s', (_name, part) => {
    expect(() => writeTicketBody({ ...valid, ...part })).toThrow(RangeError);
  });

  it('copies the secret', () => {
    const bytes = writeTicketBody({ ...valid, secret: new Uint8Array(32).fill(7) });
    const body = readTicketBody(bytes);
    bytes.fill(0);
    expect(body?.secret).toEqual(new Uint8Array(32).fill(7));
  });
});
