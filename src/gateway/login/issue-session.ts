import type { ResetTokens } from '../../base/handshake-crypto.ts';
import type { TicketKeyring } from '../../crypto/ticket-keyring.ts';
import { ownerOf } from '../../wire/conversation.ts';
import { SESSION_SECRET_BYTES } from '../../wire/ticket.ts';
import type { Seal } from '../config/config.ts';
import type { Identity } from './authenticator.ts';
import type { SessionEntry } from './login-answer.ts';

/** What sessions are issued with. */
export interface SessionIssuerComponents {
  readonly keyring: Pick<TicketKeyring, 'seal'>;
  readonly resetTokens: ResetTokens;
  /** Unpredictable bytes. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** What a session is issued for. */
export interface SessionTerms {
  readonly conv: number;
  readonly identity: Identity;
  readonly seal: Seal;
  /** Unix time in milliseconds. */
  readonly issuedMs: number;
  readonly expiresMs: number;
}

/**
 * A ticket with a new secret, and all that the client needs beside it.
 * @throws RangeError when subject or claims do not fit a ticket.
 */
export function issueSession(terms: SessionTerms, components: SessionIssuerComponents): SessionEntry {
  const { conv, identity, seal, issuedMs, expiresMs } = terms;
  const secret = components.randomBytes(SESSION_SECRET_BYTES);
  const ticket = components.keyring.seal({
    conv,
    issuedMs,
    expiresMs,
    secret,
    seal: seal === 'clear' ? 'clear' : 'aead',
    ...identity,
  });
  const entry = {
    gatewayId: ownerOf(conv),
    conv,
    ticket: base64Url(ticket),
    secret: base64Url(secret),
    resetToken: base64Url(components.resetTokens.tokenOf(conv)),
    seal,
    expiresAt: new Date(expiresMs).toISOString(),
  };
  secret.fill(0);
  return entry;
}

function base64Url({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64url');
}
