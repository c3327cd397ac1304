import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import {
  MAX_TICKET_BYTES,
  MIN_TICKET_BYTES,
  readTicketBody,
  TICKET_ADDITIONAL_BYTES,
  TICKET_HEADER_BYTES,
  TICKET_NONCE_BYTES,
  TICKET_TAG_BYTES,
  TICKET_VERSION,
  ticketKeyIdOf,
  ticketVersionOf,
  writeTicketBody,
  writeTicketHeader,
  type TicketBody,
} from '../wire/ticket.ts';

/** Bytes of a ticket key: AES-256. */
export const TICKET_KEY_BYTES = 32;

/** A key that tickets are sealed with. */
export interface TicketKey {
  /** 0 to 255; stands in every ticket. */
  readonly id: number;
  /** `TICKET_KEY_BYTES` secret bytes. */
  readonly key: Uint8Array;
}

/** Why a ticket was refused: the names it is counted under. */
export type TicketRefusal = 'ticket_malformed' | 'ticket_unknown_key' | 'ticket_forged';

/**
 * The keys of tickets: the first seals, all open. To change keys, add the new one behind the others everywhere, then make
 * it the first, and take the old one out when the last ticket sealed with it has expired.
 *
 * Nonces are random, so one key is good for 2^32 tickets (NIST SP 800-38D, section 8.3): at 1000 logins a second, 49 days.
 */
export class TicketKeyring {
  readonly #sealing: { readonly id: number; readonly key: KeyObject };
  readonly #keys = new Map<number, KeyObject>();

  /**
   * @param keys at least one; copied.
   * @throws RangeError for no key, an id that is no byte or used twice, a key of another length.
   */
  constructor(keys: readonly TicketKey[]) {
    for (const { id, key } of keys) {
      if (!Number.isInteger(id) || id < 0 || id > 0xff)
        throw new RangeError('the id of a ticket key is 0 to 255');
      if (this.#keys.has(id)) throw new RangeError(`two ticket keys have the id ${String(id)}`);
      if (key.length !== TICKET_KEY_BYTES) {
        throw new RangeError(`a ticket key is ${String(TICKET_KEY_BYTES)} bytes`);
      }
      this.#keys.set(id, createSecretKey(key));
    }
    const [first] = this.#keys;
    if (first === undefined) throw new RangeError('at least one ticket key is needed');
    this.#sealing = { id: first[0], key: first[1] };
  }

  /**
   * Makes a ticket, of memory of its own.
   * @param nonce {@link TICKET_NONCE_BYTES} that were never used with this key; random by default.
   * @throws RangeError when the body is out of the bounds of {@link TicketBody}.
   */
  seal(body: TicketBody, nonce: Uint8Array = randomFillSync(new Uint8Array(TICKET_NONCE_BYTES))): Uint8Array {
    if (nonce.length !== TICKET_NONCE_BYTES) {
      throw new RangeError(`the nonce of a ticket is ${String(TICKET_NONCE_BYTES)} bytes`);
    }
    const text = writeTicketBody(body);
    const ticket = new Uint8Array(TICKET_HEADER_BYTES + text.length + TICKET_TAG_BYTES);
    writeTicketHeader(ticket, 0, this.#sealing.id, nonce);
    const cipher = createCipheriv('aes-256-gcm', this.#sealing.key, nonce);
    cipher.setAAD(ticket.subarray(0, TICKET_ADDITIONAL_BYTES));
    ticket.set(cipher.update(text), TICKET_HEADER_BYTES);
    cipher.final();
    ticket.set(cipher.getAuthTag(), TICKET_HEADER_BYTES + text.length);
    text.fill(0);
    return ticket;
  }

  /**
   * Opens `length` bytes at `at`, which stay as they are. Length, version and key id come before cryptography, of which
   * there is one decryption of {@link MAX_TICKET_BYTES} at most, whatever the bytes are and however many keys there are.
   * Whether the ticket has expired, or is for another conversation, is for the caller to see.
   */
  open(bytes: Uint8Array, at: number, length: number): TicketBody | TicketRefusal {
    if (length < MIN_TICKET_BYTES || length > MAX_TICKET_BYTES || at + length > bytes.length) {
      return 'ticket_malformed';
    }
    if (ticketVersionOf(bytes, at) !== TICKET_VERSION) return 'ticket_malformed';
    const key = this.#keys.get(ticketKeyIdOf(bytes, at));
    if (key === undefined) return 'ticket_unknown_key';
    const text = decrypt(key, bytes.subarray(at, at + length));
    if (text === undefined) return 'ticket_forged';
    const body = readTicketBody(text);
    text.fill(0);
    return body ?? 'ticket_malformed';
  }
}

/** The text of a ticket; undefined when it is not authentic. */
function decrypt(key: KeyObject, ticket: Uint8Array): Uint8Array | undefined {
  const nonce = ticket.subarray(TICKET_ADDITIONAL_BYTES, TICKET_HEADER_BYTES);
  const tagAt = ticket.length - TICKET_TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TICKET_TAG_BYTES });
  decipher.setAAD(ticket.subarray(0, TICKET_ADDITIONAL_BYTES));
  decipher.setAuthTag(ticket.subarray(tagAt));
  const opened = decipher.update(ticket.subarray(TICKET_HEADER_BYTES, tagAt));
  // No Buffer: slices of one are not copies.
  const text = new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
  try {
    decipher.final();
    return text;
  } catch {
    text.fill(0);
    return undefined;
  }
}
