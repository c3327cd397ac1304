import { createResetTokens, deriveResetKey } from '../../crypto/reset-tokens.ts';
import { createHandshakeCrypto } from '../../crypto/handshake-keys.ts';
import { TicketKeyring, type TicketKey } from '../../crypto/ticket-keyring.ts';
import { isAllocatableConv } from '../../wire/conversation.ts';
import type { Seal } from '../config/config.ts';
import { allocateConversation } from './allocate-conversation.ts';
import { issueSession } from './issue-session.ts';
import type { SessionEntry } from './login-answer.ts';
import { isSubject } from './subject.ts';

/** What a ticket is made of. */
export interface IssueTicketOptions {
  /** A key of `login.ticket_keys` of the gateways: its id, and its 32 bytes. */
  readonly ticketKey: TicketKey;
  /** `login.reset_key` of the gateways: 32 bytes. Default: as theirs, derived from the ticket key. */
  readonly resetKey?: Uint8Array;
  /** The gateway that will hold the session, 0 to 255; its `common.gateway_id`. Left out when `conv` is given. */
  readonly gatewayId?: number;
  /** The conversation. Default: a random one of `gatewayId`. */
  readonly conv?: number;
  /** Who logged in: at most 255 bytes of UTF-8, no control characters. Default: nobody in particular. */
  readonly subject?: string;
  /** What else the gateway should know about the subject: at most 683 bytes as JSON. Default: nothing. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** How long a session may be opened with the ticket, in milliseconds. Default: 12 hours. */
  readonly ttlMs?: number;
  /** Default: `aes-128-gcm`. `clear` only for lines that are confidential themselves (wss, TLS) or allow it. */
  readonly seal?: Seal;
  /** Unix time in milliseconds. Default: now. */
  readonly nowMs?: number;
}

/**
 * Makes what opens one session, without a gateway: for a login server of your own, which has the keys of the gateways. The
 * result is one entry of `sessions` in the answer to a login, and goes to the client over HTTPS and nowhere else: it holds
 * the secret of the session. The same options give another secret, and another random `conv`, each time.
 *
 * A random `conv` is in use already with a small probability; then the client's handshake is refused, and it logs in again.
 *
 *     const session = issueTicket({ ticketKey: { id: 1, key }, gatewayId: 1, subject: 'user-7' });
 *
 * @throws RangeError when a key, an id, the subject, the claims or a time is out of its bounds.
 */
export function issueTicket(options: IssueTicketOptions): SessionEntry {
  const { subject = '', claims, ttlMs = DEFAULT_TTL_MS, seal = 'aes-128-gcm', nowMs = Date.now() } = options;
  if (subject !== '' && !isSubject(subject)) throw new RangeError('this cannot be a subject');
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1) throw new RangeError('ttlMs is a positive whole number');
  const crypto = createHandshakeCrypto();
  const randomBytes = (length: number): Uint8Array => crypto.randomBytes(length);
  return issueSession(
    {
      conv: conversationOf(options, randomBytes),
      identity: { subject, claims: claims === undefined ? '' : JSON.stringify(claims) },
      seal,
      issuedMs: nowMs,
      expiresMs: nowMs + ttlMs,
    },
    {
      keyring: new TicketKeyring([options.ticketKey]),
      resetTokens: createResetTokens(options.resetKey ?? deriveResetKey(options.ticketKey.key)),
      randomBytes,
    },
  );
}

const DEFAULT_TTL_MS = 12 * 3_600_000;

function conversationOf(
  { conv, gatewayId }: IssueTicketOptions,
  randomBytes: (length: number) => Uint8Array,
): number {
  if (conv !== undefined) {
    const isConv = Number.isInteger(conv) && conv > 0 && conv <= 0xffff_ffff && isAllocatableConv(conv);
    if (!isConv || gatewayId !== undefined)
      throw new RangeError('conv: one that can be allocated, without gatewayId');
    return conv;
  }
  if (gatewayId === undefined || !Number.isInteger(gatewayId) || gatewayId < 0 || gatewayId > 0xff) {
    throw new RangeError('gatewayId is 0 to 255');
  }
  const allocated = allocateConversation(gatewayId, randomBytes, () => false);
  if (allocated === undefined) throw new RangeError('no conversation was found');
  return allocated;
}
