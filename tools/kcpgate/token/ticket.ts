import { GatewayError } from '../../../src/base/errors.ts';
import type { Seal } from '../../../src/gateway/config/config.ts';
import { issueTicket } from '../../../src/gateway/login/issue-ticket.ts';
import type { SessionEntry } from '../../../src/gateway/login/login-answer.ts';
import type { Claims } from './jwt.ts';
import { readKeyFile } from './read-key-file.ts';
import { namedKeys, type KeyOptions } from './ticket-keys.ts';

/** What the options of `token ticket` give. */
export interface TicketOptions extends KeyOptions {
  readonly resetKeyFile?: string;
  readonly gatewayId?: number;
  readonly subject?: string;
  readonly claim: Claims;
  /** In milliseconds. */
  readonly ttl: number;
  readonly seal: Seal;
}

/**
 * Issues a ticket with the first of the keys that the options name.
 * @throws GatewayError `config_invalid` when they name none, or the ticket cannot be as they want it.
 */
export function makeTicket(options: TicketOptions): SessionEntry {
  const { subject, claim, ttl: ttlMs, seal, resetKeyFile } = options;
  const named = namedKeys(options);
  const [ticketKey] = named?.keys ?? [];
  if (ticketKey === undefined) throw wrong('give --config, or --key-file and --key-id');
  const gatewayId = options.gatewayId ?? named?.config?.common.gatewayId ?? 0;
  const resetKey =
    resetKeyFile === undefined ? (named?.config?.login.resetKey ?? undefined) : readKeyFile(resetKeyFile);
  try {
    return issueTicket({
      ticketKey,
      gatewayId,
      ttlMs,
      seal,
      ...(resetKey === undefined ? {} : { resetKey }),
      ...(subject === undefined ? {} : { subject }),
      ...(Object.keys(claim).length === 0 ? {} : { claims: claim }),
    });
  } catch (error) {
    if (error instanceof RangeError) throw wrong(error.message);
    throw error;
  }
}

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
