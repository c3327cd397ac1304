import type { LoginConfig } from '../config/config.ts';
import { NO_AUTHENTICATION, type Authenticator } from './authenticator.ts';
import { JwtAuthenticator } from './jwt-authenticator.ts';
import { createJwtKeys, type JwtKeyComponents } from './jwt-keys.ts';
import { createStaticTokens } from './static-tokens.ts';

/** What says who may log in. */
export interface AuthenticationOptions extends Pick<LoginConfig, 'auth' | 'jwt' | 'tokens'> {
  /** Names of JWT claims that go into the ticket, where the token has them. */
  readonly ticketClaims: readonly string[];
}

/**
 * Finds out who logs in, in the way that was configured.
 * @throws GatewayError `config_invalid` when the key of a JWT cannot be used.
 */
export function createAuthenticator(
  { auth, jwt, tokens, ticketClaims }: AuthenticationOptions,
  components: JwtKeyComponents,
): Authenticator {
  if (auth === 'none') return NO_AUTHENTICATION;
  if (auth === 'static') return createStaticTokens(tokens);
  if (jwt === null) throw new Error('auth: jwt without jwt');
  return new JwtAuthenticator(jwt, ticketClaims, createJwtKeys(jwt, components), components.logger);
}
