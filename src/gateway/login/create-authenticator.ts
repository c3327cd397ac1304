import type { LoginConfig } from '../config/config.ts';
import { NO_AUTHENTICATION, type Authenticator } from './authenticator.ts';
import { JwtAuthenticator } from './jwt-authenticator.ts';
import { createJwtKeys, type JwtKeyComponents } from './jwt-keys.ts';
import { createStaticTokens } from './static-tokens.ts';

/** What says who may log in. */
export type AuthenticationOptions = Pick<LoginConfig, 'auth' | 'jwt' | 'tokens'>;

/**
 * Finds out who logs in, in the way that was configured.
 * @throws GatewayError `config_invalid` when the key of a JWT cannot be used.
 */
export function createAuthenticator(
  { auth, jwt, tokens }: AuthenticationOptions,
  components: JwtKeyComponents,
): Authenticator {
  if (auth === 'none') return NO_AUTHENTICATION;
  if (auth === 'static') return createStaticTokens(tokens);
  if (jwt === null) throw new Error('auth: jwt without jwt');
  return new JwtAuthenticator(jwt, createJwtKeys(jwt, components), components.logger);
}
