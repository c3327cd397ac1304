import { createHash } from 'node:crypto';
import type { NativeLoad } from '../../native-bindings/index.ts';
import type { Clock } from '../base/clock.ts';
import type { HandshakeCrypto } from '../base/handshake-crypto.ts';
import type { Logger } from '../base/logger.ts';
import { createPacketCipher } from '../crypto/create-packet-cipher.ts';
import { createHandshakeCrypto } from '../crypto/handshake-keys.ts';
import { KeyLogFile } from '../crypto/key-log-file.ts';
import { withKeyLog } from '../crypto/key-log.ts';
import { createResetTokens } from '../crypto/reset-tokens.ts';
import { TicketKeyring } from '../crypto/ticket-keyring.ts';
import type { EndpointSecurity } from '../endpoint/index.ts';
import type { LoginConfig } from './config/config.ts';

/** Unix time in ms. */
export const WALL_CLOCK: Clock = { now: () => Date.now() };

/**
 * What one endpoint of a gateway needs for sessions that log in. @param login with all its keys.
 * @throws GatewayError `io_failed` when the key log cannot be opened.
 */
export function gatewaySecurity(login: LoginConfig, native: NativeLoad, logger: Logger): EndpointSecurity {
  return {
    crypto: handshakeCrypto(login, logger),
    cipher: createPacketCipher(native),
    tickets: new TicketKeyring(login.ticketKeys),
    wallClock: WALL_CLOCK,
    ...(login.resetKey === null ? {} : { resetTokens: createResetTokens(login.resetKey) }),
  };
}

function handshakeCrypto({ keyLogFile }: LoginConfig, logger: Logger): HandshakeCrypto {
  const crypto = createHandshakeCrypto();
  if (keyLogFile === null) return crypto;
  const file = new KeyLogFile(keyLogFile, (reason) =>
    logger.warn('keys are missing in the key log', { reason }),
  );
  return withKeyLog(crypto, file.write);
}

/** The 32 bits that stand for a node's name in PROBE_ACK. */
export function nodeNumber(nodeId: string): number {
  return createHash('sha256').update(nodeId).digest().readUInt32LE(0);
}
