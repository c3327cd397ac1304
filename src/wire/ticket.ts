import { wireMemory } from './memory.ts';
import { isUtf8, readUtf8, utf8Length, writeUtf8 } from './utf8.ts';

/**
 * The ticket that a login gives and HELLO shows. It is opaque to the client:
 *
 *     version u8 = 1 | key id u8 | nonce 12 | AES-256-GCM(ticket key; body) | tag 16
 *
 * Version and key id are the additional data. The body:
 *
 *     conv u32 | issued u64 | expires u64 | secret 32 | seal u8 | subject length u8, subject | claims length u16, claims
 */

export const TICKET_VERSION = 1;

/** Bytes of version and key id: the additional data. */
export const TICKET_ADDITIONAL_BYTES = 2;

/** Bytes of the nonce, which follows the additional data. */
export const TICKET_NONCE_BYTES = 12;

/** Bytes in front of the ciphertext: version, key id, nonce. */
export const TICKET_HEADER_BYTES = TICKET_ADDITIONAL_BYTES + TICKET_NONCE_BYTES;

/** Bytes of the tag at the end. */
export const TICKET_TAG_BYTES = 16;

/** Bytes of the secret from which the keys of a session are derived. */
export const SESSION_SECRET_BYTES = 32;

/**
 * The longest ticket. A HELLO of 1200 bytes, the least on UDP, holds it beside its own header (30), an address block (20)
 * and the tag (16), and 110 bytes are left for segments: a WINS, and a PADDING that fills it up. So a HELLO is never
 * longer because of its ticket than it must be anyway, and passes every path.
 */
export const MAX_TICKET_BYTES = 1024;

/** The longest subject, in bytes of UTF-8. */
export const MAX_SUBJECT_BYTES = 255;

/** Bytes of a body without subject and claims. */
const FIXED_BYTES = 56;

/** The shortest ticket: no subject, no claims. */
export const MIN_TICKET_BYTES = TICKET_HEADER_BYTES + FIXED_BYTES + TICKET_TAG_BYTES;

/** The longest claims, in bytes of UTF-8: with the longest subject the ticket still fits {@link MAX_TICKET_BYTES}. */
export const MAX_CLAIMS_BYTES = MAX_TICKET_BYTES - MIN_TICKET_BYTES - MAX_SUBJECT_BYTES;

/** What a ticket says. */
export interface TicketBody {
  readonly conv: number;
  /** When it was issued and until when a session may be opened with it, in milliseconds of Unix time. */
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** {@link SESSION_SECRET_BYTES} bytes. */
  readonly secret: Uint8Array;
  /** Whether the session's datagrams are sealed. */
  readonly seal: 'aead' | 'clear';
  /** Who logged in; may be empty. At most {@link MAX_SUBJECT_BYTES} of UTF-8. */
  readonly subject: string;
  /** JSON text about the subject, or empty. At most {@link MAX_CLAIMS_BYTES} of UTF-8; whether it is JSON is not checked. */
  readonly claims: string;
}

/** Version of the ticket at `at`, of which at least {@link TICKET_HEADER_BYTES} are there. */
export const ticketVersionOf = (bytes: Uint8Array, at: number): number => bytes[at]!;

/** Id of the key the ticket at `at` is sealed with, 0 to 255; at least {@link TICKET_HEADER_BYTES} are there. */
export const ticketKeyIdOf = (bytes: Uint8Array, at: number): number => bytes[at + 1]!;

/** Writes version, key id and nonce (12 bytes). Returns {@link TICKET_HEADER_BYTES}. */
export function writeTicketHeader(bytes: Uint8Array, at: number, keyId: number, nonce: Uint8Array): number {
  bytes[at] = TICKET_VERSION;
  bytes[at + 1] = keyId;
  bytes.set(nonce.subarray(0, TICKET_NONCE_BYTES), at + TICKET_ADDITIONAL_BYTES);
  return TICKET_HEADER_BYTES;
}

/**
 * The text that is sealed in a ticket. It holds the secret: the caller overwrites it when it is done.
 * @throws RangeError when a part is too long, or an integer out of range: nothing is cut, because a ticket with half a
 *   subject would be a ticket of somebody else.
 */
export function writeTicketBody(body: TicketBody): Uint8Array {
  const { conv, issuedMs, expiresMs, secret, subject, claims } = body;
  const subjectBytes = utf8Length(subject);
  const claimsBytes = utf8Length(claims);
  demand(Number.isInteger(conv) && conv >= 0 && conv <= 0xffffffff, 'conv is not an unsigned 32-bit integer');
  demand(isTime(issuedMs) && isTime(expiresMs), 'a time is not a safe integer of milliseconds');
  demand(secret.length === SESSION_SECRET_BYTES, `the secret is not ${SESSION_SECRET_BYTES} bytes long`);
  demand(subjectBytes <= MAX_SUBJECT_BYTES, `the subject is longer than ${MAX_SUBJECT_BYTES} bytes`);
  demand(claimsBytes <= MAX_CLAIMS_BYTES, `the claims are longer than ${MAX_CLAIMS_BYTES} bytes`);
  const memory = wireMemory(new Uint8Array(FIXED_BYTES + subjectBytes + claimsBytes));
  const { bytes, view } = memory;
  view.setUint32(0, conv, true);
  writeTime(view, ISSUED_AT, issuedMs);
  writeTime(view, EXPIRES_AT, expiresMs);
  bytes.set(secret, SECRET_AT);
  bytes[SEAL_AT] = body.seal === 'aead' ? 0 : 1;
  bytes[SUBJECT_LENGTH_AT] = subjectBytes;
  writeUtf8(bytes, SUBJECT_AT, subject, subjectBytes);
  view.setUint16(SUBJECT_AT + subjectBytes, claimsBytes, true);
  writeUtf8(bytes, SUBJECT_AT + subjectBytes + 2, claims, claimsBytes);
  return bytes;
}

/**
 * Reads what was sealed in a ticket; copies the secret.
 * @returns undefined when anything is not exactly as {@link writeTicketBody} writes it: length, UTF-8, integers that are
 *   not safe, a seal of another version.
 */
export function readTicketBody(bytes: Uint8Array): TicketBody | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const { view } = wireMemory(bytes);
  const subjectBytes = bytes[SUBJECT_LENGTH_AT]!;
  if (bytes.length < FIXED_BYTES + subjectBytes) return undefined;
  const claimsAt = SUBJECT_AT + subjectBytes + 2;
  const claimsBytes = view.getUint16(claimsAt - 2, true);
  if (claimsBytes > MAX_CLAIMS_BYTES || bytes.length !== claimsAt + claimsBytes) return undefined;
  if (!isUtf8(bytes, SUBJECT_AT, subjectBytes) || !isUtf8(bytes, claimsAt, claimsBytes)) return undefined;
  const issuedMs = readTime(view, ISSUED_AT);
  const expiresMs = readTime(view, EXPIRES_AT);
  const seal = bytes[SEAL_AT]!;
  if (!isTime(issuedMs) || !isTime(expiresMs) || seal > 1) return undefined;
  return {
    conv: view.getUint32(0, true),
    issuedMs,
    expiresMs,
    secret: bytes.slice(SECRET_AT, SEAL_AT),
    seal: seal === 0 ? 'aead' : 'clear',
    subject: readUtf8(bytes, SUBJECT_AT, subjectBytes),
    claims: readUtf8(bytes, claimsAt, claimsBytes),
  };
}

const ISSUED_AT = 4;
const EXPIRES_AT = 12;
const SECRET_AT = 20;
const SEAL_AT = 52;
const SUBJECT_LENGTH_AT = 53;
const SUBJECT_AT = 54;

const isTime = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function demand(condition: boolean, text: string): void {
  if (!condition) throw new RangeError(`no ticket: ${text}`);
}

/** A u64 as a double; not a safe integer when it is too large for one. */
const readTime = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;

function writeTime(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}
