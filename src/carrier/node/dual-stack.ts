import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { SystemErrorLike } from '../../base/node-error.ts';

/** What decides whether a socket takes IPv4 and IPv6. */
export interface DualStackBind {
  /** `::` takes both, unless `ipv6Only`. */
  readonly bind: SocketAddress;
  readonly ipv6Only?: boolean;
}

/**
 * Opens a socket; where the machine has no IPv6 and `::` was meant for both, once more at `0.0.0.0`, with a line in the
 * log. `open` is called with the address to bind to.
 */
export async function openDualStack<Opened>(
  { bind, ipv6Only }: DualStackBind,
  logger: Logger,
  open: (bind: SocketAddress) => Promise<Opened>,
): Promise<Opened> {
  try {
    return await open(bind);
  } catch (error) {
    const dualStack = bind.address === '::' && ipv6Only !== true;
    if (!dualStack || !meansNoIpv6(error)) throw error;
    logger.info('this machine has no IPv6: listening on IPv4 only', { port: bind.port });
    return open({ address: '0.0.0.0', family: 4, port: bind.port });
  }
}

/** Whether that is what binding `::` answers on a machine without IPv6. */
function meansNoIpv6(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return false;
  const errno = (error.cause as SystemErrorLike | undefined)?.code;
  return errno === 'EAFNOSUPPORT' || errno === 'EADDRNOTAVAIL' || errno === 'EPROTONOSUPPORT';
}
