import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../../base/address.ts';
import { requestHostOf } from '../http/request-host.ts';

/**
 * Whether a request is for this host by a name that only this host can mean: `localhost` or a loopback address. A page
 * whose own name was made to lead here (DNS rebinding) sends that name.
 */
export function isForThisHost({ host }: IncomingHttpHeaders): boolean {
  const name = requestHostOf(host)?.toLowerCase();
  return name !== undefined && (name === 'localhost' || isLoopback(name));
}

/**
 * Whether a request comes from no page, or from one of this very server. Browsers say so in headers that pages cannot
 * change; `Origin` is in every request of another origin that can change something or whose answer can be read.
 */
export function isOwnOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin, host = '' } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  const own = host.toLowerCase();
  return ['http', 'https'].some((scheme) => origin.toLowerCase() === `${scheme}://${own}`);
}
