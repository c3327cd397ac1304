import { randomBytes } from 'node:crypto';
import type { Logger } from '../base/logger.ts';
import { deriveResetKey } from '../crypto/reset-tokens.ts';
import { TICKET_KEY_BYTES } from '../crypto/ticket-keyring.ts';
import type { GatewayConfig } from './config/config.ts';

/**
 * The configuration with the keys it leaves to the gateway: a random ticket key where it has none, and the reset key that
 * follows from the ticket key. Every thread of a gateway is given the same.
 */
export function withSessionKeys(config: GatewayConfig, logger: Logger): GatewayConfig {
  const { login } = config;
  let { ticketKeys } = login;
  if (ticketKeys.length === 0) {
    logger.info('tickets are sealed with a key made now: they hold until this process ends', {
      advice: 'set login.ticket_keys to keep sessions over a restart and to share them with other gateways',
    });
    ticketKeys = [{ id: 0, key: new Uint8Array(randomBytes(TICKET_KEY_BYTES)) }];
  }
  const [first] = ticketKeys;
  const resetKey = login.resetKey ?? (first === undefined ? null : deriveResetKey(first.key));
  return { ...config, login: { ...login, ticketKeys, resetKey } };
}
