import type { ProblemCode } from './problem.ts';

/** Who logged in. */
export interface Identity {
  /** Empty when everybody may log in; at most 255 bytes of UTF-8. */
  readonly subject: string;
  /** JSON object about the subject, as text; empty when there is nothing to say. */
  readonly claims: string;
}

/** Why nobody was recognised. */
export type AuthFault = Extract<
  ProblemCode,
  'token_required' | 'token_invalid' | 'token_expired' | 'keys_unavailable'
>;

/** Finds out who has a token. */
export interface Authenticator {
  /**
   * Never rejects because of what a token holds.
   * @param nowMs Unix time.
   */
  authenticate(
    token: string | undefined,
    nowMs: number,
  ): Identity | AuthFault | Promise<Identity | AuthFault>;
  /** Ends what is under way. */
  close(): void;
}

/** Lets everybody in; tokens are not looked at. */
export const NO_AUTHENTICATION: Authenticator = {
  authenticate: () => ANONYMOUS,
  close: () => undefined,
};

const ANONYMOUS: Identity = { subject: '', claims: '' };
