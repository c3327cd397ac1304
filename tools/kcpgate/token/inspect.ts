import { GatewayError } from '../../../src/base/errors.ts';
import { TicketKeyring } from '../../../src/crypto/ticket-keyring.ts';
import { ownerOf } from '../../../src/wire/conversation.ts';
import {
  MAX_TICKET_BYTES,
  MIN_TICKET_BYTES,
  TICKET_VERSION,
  ticketKeyIdOf,
  ticketVersionOf,
} from '../../../src/wire/ticket.ts';
import { namedKeys, type KeyOptions } from './ticket-keys.ts';

/** What the options of `token inspect` give. */
export type InspectOptions = KeyOptions;

/**
 * What a ticket or a JSON Web Token says, without what opens anything. Signatures of tokens are not checked; a ticket is
 * opened with the keys that the options name, and without any only its outside is shown.
 * @param nowMs Unix time.
 * @throws GatewayError `config_invalid` when it is neither, or none of the keys opens it.
 */
export function inspect(text: string, options: InspectOptions, nowMs: number): object {
  return text.includes('.') ? inspectJwt(text, nowMs) : inspectTicket(text, options, nowMs);
}

function inspectJwt(text: string, nowMs: number): object {
  const [header, payload, signature, ...more] = text.split('.');
  const shown = { type: 'jwt', header: jsonOf(header), payload: jsonOf(payload) };
  if (
    shown.header === undefined ||
    shown.payload === undefined ||
    signature === undefined ||
    more.length > 0
  ) {
    throw wrong('this is no JSON Web Token');
  }
  const { exp } = shown.payload as { readonly exp?: unknown };
  const expired = typeof exp === 'number' ? { expired: exp * 1000 <= nowMs } : {};
  return { ...shown, ...expired, signature: 'not checked' };
}

/** A JSON object in base64url. */
function jsonOf(part: string | undefined): object | undefined {
  try {
    const value = JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function inspectTicket(text: string, options: KeyOptions, nowMs: number): object {
  const bytes = Buffer.from(text, 'base64url');
  const isTicket =
    /^[\w-]+$/.test(text) &&
    bytes.length >= MIN_TICKET_BYTES &&
    bytes.length <= MAX_TICKET_BYTES &&
    ticketVersionOf(bytes, 0) === TICKET_VERSION;
  if (!isTicket) throw wrong('this is no ticket');
  const outside = { type: 'ticket', bytes: bytes.length, keyId: ticketKeyIdOf(bytes, 0) };
  const named = namedKeys(options);
  if (named === undefined) return outside;
  const body = new TicketKeyring(named.keys).open(bytes, 0, bytes.length);
  if (body === 'ticket_unknown_key') throw wrong(`none of the keys has the id ${String(outside.keyId)}`);
  if (typeof body === 'string') throw wrong('the key of this id does not open the ticket');
  const { conv, issuedMs, expiresMs, seal, subject, claims } = body;
  return {
    ...outside,
    conv,
    gatewayId: ownerOf(conv),
    subject,
    claims: claims === '' ? null : (JSON.parse(claims) as unknown),
    seal: seal === 'aead' ? 'aes-128-gcm' : 'clear',
    issuedAt: new Date(issuedMs).toISOString(),
    expiresAt: new Date(expiresMs).toISOString(),
    expired: expiresMs <= nowMs,
  };
}

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
