import type { GatewayError } from '../base/errors.ts';

/** What follows from a login that failed. */
export type LoginSetback =
  /** Nobody was reached, no login answered, or it cannot now: it may go better another time. */
  | { readonly kind: 'later'; readonly retryAfterMs?: number | undefined }
  /** The one who asks was not recognised, or not welcome. */
  | { readonly kind: 'credentials' }
  /** There is no such login at this URL, now or later. */
  | { readonly kind: 'wrong_url' }
  /** The request is wrong: it is so everywhere, at any time. */
  | { readonly kind: 'refused' };

/** @param error what a login failed with. */
export function loginSetback({ code, details = {} }: GatewayError): LoginSetback {
  if (code === 'config_invalid') return { kind: 'refused' };
  if (code !== 'login_refused') return { kind: 'later' };
  const { status, retryAfterMs } = details as { readonly status?: number; readonly retryAfterMs?: number };
  if (status === undefined || status === 400) return { kind: 'refused' };
  if (status === 401 || status === 403) return { kind: 'credentials' };
  const passes = status >= 500 || status === 408 || status === 425 || status === 429;
  return passes ? { kind: 'later', retryAfterMs } : { kind: 'wrong_url' };
}
