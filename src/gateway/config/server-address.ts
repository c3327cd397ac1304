import { isIP } from 'node:net';
import type { ServerConfig } from './config.ts';

/** A host and port, or what is wrong with the text. */
export type ParsedServerAddress =
  { readonly ok: true; readonly server: ServerConfig } | { readonly ok: false; readonly error: string };

/** Reads `app.internal:7001`, `10.0.0.1:7001` or `[2001:db8::1]:7001`; the port is 1 to 65535. */
export function parseServerAddress(text: string): ParsedServerAddress {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (parts === null) return refuse(text, 'write host:port, an IPv6 address in brackets');
  const [, bracketed, plain = '', digits] = parts;
  const port = Number(digits);
  if (port < 1 || port > 65_535) return refuse(text, 'the port must be 1 to 65535');
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6) return refuse(text, 'no IPv6 address stands in the brackets');
    return { ok: true, server: { host: bracketed, port } };
  }
  if (isIP(plain) === 0 && !isHostName(plain)) return refuse(text, 'the host is no name and no IP address');
  return { ok: true, server: { host: plain, port } };
}

/** Names of letters, digits, `-` and `_`; digits and dots alone are a mistyped IPv4 address. */
export function isHostName(text: string): boolean {
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false;
  return text.split('.').every((label) => /^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$/.test(label));
}

function refuse(text: string, reason: string): ParsedServerAddress {
  const shown = JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
  return { ok: false, error: `${shown} is not a server address: ${reason}` };
}
