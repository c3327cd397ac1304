import type { FlowEnd } from '../found-datagram.ts';

/** `10.0.0.1:4000`, `[2001:db8::1]:4000`; `-` when the input tells none. */
export function endText({ address, port }: FlowEnd): string {
  if (address === '') return port === 0 ? '-' : `:${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
