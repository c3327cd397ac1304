import type { OutgoingHttpHeaders } from 'node:http';

/** Values of `Origin` whose pages may log in, in lower case; `*`: any. */
export type AllowedOrigins = readonly string[] | '*';

/** Whether a request may come from this origin; one without `Origin` comes from no page. */
export function isOriginAllowed(origin: string | undefined, allowed: AllowedOrigins): boolean {
  return origin === undefined || allowed === '*' || allowed.includes(origin.toLowerCase());
}

/** What lets a page of an allowed origin read the answer (CORS). The login knows no cookies, so there are no credentials. */
export function crossOriginHeaders(origin: string | undefined, allowed: AllowedOrigins): OutgoingHttpHeaders {
  if (allowed === '*') return origin === undefined ? {} : { 'access-control-allow-origin': '*', ...EXPOSED };
  // Whatever the answer is, it depends on the origin.
  if (origin === undefined || !isOriginAllowed(origin, allowed)) return { vary: 'origin' };
  return { vary: 'origin', 'access-control-allow-origin': origin, ...EXPOSED };
}

/** What a page asks for before it sends a login with a JSON body or a bearer header. */
export const PREFLIGHT_HEADERS: OutgoingHttpHeaders = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'authorization, content-type',
  'access-control-max-age': '600',
};

const EXPOSED: OutgoingHttpHeaders = { 'access-control-expose-headers': 'retry-after, www-authenticate' };
