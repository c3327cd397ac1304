import { isIP } from 'node:net';
import { formatIp, parseIp } from '../../base/address.ts';

/**
 * The host of a `Host` header (RFC 9110, section 7.2): a name or an IP address, without brackets and port.
 * @returns undefined when the header is absent or no host.
 */
export function requestHostOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > MAX_HOST_LENGTH) return undefined;
  const [, bracketed, plain = ''] = /^(?:\[([^\]%]*)\]|([^:[\]]*))(?::\d{0,5})?$/.exec(header) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : undefined;
  return isIP(plain) === 4 || isHostName(plain) ? plain : undefined;
}

/** The address of a socket's own end as a host: without zone, IPv4 also when the socket is IPv6. */
export function localHostOf(localAddress: string | undefined): string {
  const bytes = parseIp(localAddress ?? '');
  return bytes === undefined ? 'localhost' : formatIp(bytes);
}

/** The longest name, brackets or not, and a port. */
const MAX_HOST_LENGTH = 253 + 6;

/** Letters, digits, `-` and `_`; a dot at the end is allowed, digits and dots alone are no name. */
function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.');
  return !/^[\d.]*$/.test(text) && labels.every((label) => /^\w[\w-]{0,62}$/.test(label));
}
