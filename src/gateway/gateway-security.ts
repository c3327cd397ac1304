import { createHash } from 'node:crypto';
import type { NativeLoad } from '../../native-bindings/index.ts';
import type { Clock } from '../base/clock.ts';
import { createPacketCipher } from '../crypto/create-packet-cipher.ts';
import { createHandshakeCrypto } from '../crypto/handshake-keys.ts';
import { createResetTokens } from '../crypto/reset-tokens.ts';
import { TicketKeyring } from '../crypto/ticket-keyring.ts';
import type { EndpointSecurity } from '../endpoint/index.ts';
import type { LoginConfig } from './config/config.ts';

/** Unix time in ms. */
export const WALL_CLOCK: Clock = { now: () => Date.now() };

/** What one endpoint of a gateway needs for sessions that log in. @param login with all its keys. */
export function gatewaySecurity(login: LoginConfig, native: NativeLoad): EndpointSecurity {
  return {
    crypto: createHandshakeCrypto(),
    cipher: createPacketCipher(native),
    tickets: new TicketKeyring(login.ticketKeys),
    wallClock: WALL_CLOCK,
    ...(login.resetKey === null ? {} : { resetTokens: createResetTokens(login.resetKey) }),
  };
}

/** The 32 bits that stand for a node's name in PROBE_ACK. */
export function nodeNumber(nodeId: string): number {
  return createHash('sha256').update(nodeId).digest().readUInt32LE(0);
}
