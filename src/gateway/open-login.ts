import { randomBytes } from 'node:crypto';
import type { Logger } from '../base/logger.ts';
import { createResetTokens } from '../crypto/reset-tokens.ts';
import { TicketKeyring } from '../crypto/ticket-keyring.ts';
import { NODE_CLOCK } from '../endpoint/index.ts';
import type { GatewayConfig } from './config/config.ts';
import { createAuthenticator } from './login/create-authenticator.ts';
import { configuredLines, deriveLines, type LineListener } from './login/derive-lines.ts';
import { LoginService, type LoginReadiness } from './login/login-service.ts';

/** What a gateway's login asks of the gateway. */
export interface LoginHost {
  /** The lines that are open, with their real ports. */
  lines(): readonly LineListener[];
  isConversationInUse(conv: number): boolean;
  readiness(): LoginReadiness;
}

/**
 * The login service that a configuration means.
 * @param config with all keys of the login.
 * @throws GatewayError `config_invalid` when the key of a JWT cannot be used.
 */
export function openLogin(config: GatewayConfig, host: LoginHost, logger: Logger): LoginService {
  const { common, login, sessions } = config;
  const owner = { gatewayId: common.gatewayId, region: common.region };
  const { lines: listed, resetKey } = login;
  const written = listed === 'auto' ? undefined : configuredLines(listed);
  return new LoginService(
    {
      gatewayIds: [common.gatewayId, ...login.gateways],
      ticketTtlMs: login.ticketTtlMs,
      seal: login.seal,
      limits: {
        perSecond: login.loginsPerSecond,
        perSecondPerSource: login.loginsPerSecondPerSource,
        perSecondPerSubject: login.loginsPerSecondPerSubject,
      },
      relays: login.relays,
      transport: {
        mtu: sessions.mtu,
        mode: sessions.preset,
        sendWindow: sessions.sendWindow,
        receiveWindow: sessions.receiveWindow,
        maxMessageBytes: sessions.maxMessageBytes,
      },
      probe: { count: 5, intervalMs: 100, deadlineMs: 4_000 },
    },
    {
      keyring: new TicketKeyring(login.ticketKeys),
      resetTokens: createResetTokens(resetKey ?? new Uint8Array(randomBytes(32))),
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      authenticator: createAuthenticator(login, { clock: NODE_CLOCK, logger }),
      linesOf: (requestHost) => written ?? deriveLines(host.lines(), requestHost, owner),
      isConversationInUse: (conv) => host.isConversationInUse(conv),
      readiness: () => host.readiness(),
      clock: NODE_CLOCK,
      logger,
    },
  );
}
