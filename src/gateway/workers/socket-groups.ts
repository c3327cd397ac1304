import type { NativeUdp } from '../../../native-bindings/index.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import type { ListenerConfig, UdpProxyProtocol } from '../config/config.ts';

/**
 * For each listener as many sockets on one address as there are workers; the system gives each datagram to the socket
 * with the number `conv mod workers`. They stay open as long as this does: a worker that dies takes no socket with it, so
 * the numbers stay, and what arrives meanwhile waits for its successor.
 */
export class SocketGroups {
  readonly #native: NativeUdp;
  /** Per listener. */
  readonly #groups: (readonly number[])[] = [];

  /** @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`; nothing stays open then. */
  constructor(native: NativeUdp, listeners: readonly ListenerConfig[], workers: number, logger: Logger) {
    this.#native = native;
    try {
      for (const listener of listeners) {
        const { bind } = listener;
        this.#groups.push(bindGroup(native, bind, workers, proxyHeadersOf(listener), logger));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The sockets of one worker, one for each listener. */
  descriptorsOf(worker: number): number[] {
    return this.#groups.map((group) => {
      const descriptor = group[worker];
      if (descriptor === undefined) throw new GatewayError('internal', `no socket for worker ${worker}`);
      return descriptor;
    });
  }

  /** Closes every socket. Safe to call twice. */
  close(): void {
    for (const descriptor of this.#groups.splice(0).flat()) this.#native.closeDescriptor(descriptor);
  }
}

function bindGroup(
  native: NativeUdp,
  { address, port }: ListenerConfig['bind'],
  count: number,
  proxyHeaders: UdpProxyProtocol,
  logger: Logger,
): number[] {
  try {
    return native.bindReusePortGroup({ address, port, ipv6Only: false, count, proxyHeaders });
  } catch (error) {
    const systemError = error as SystemErrorLike;
    if (address !== '::' || !NO_IPV6.has(systemError.code ?? ''))
      throw fromSystemError(systemError, 'bind_failed');
    logger.info('this machine has no IPv6: listening on IPv4 only', { port });
    return bindGroup(native, { address: '0.0.0.0', family: 4, port }, count, proxyHeaders, logger);
  }
}

/** What may stand in front of the `conv` of a datagram: gateways put a header in front of what they relay. */
function proxyHeadersOf(listener: ListenerConfig): UdpProxyProtocol {
  if (listener.type === 'relay') return 'proxy';
  return listener.type === 'kcp-udp' ? listener.proxyProtocol : 'off';
}

/** What binding `::` answers on a machine without IPv6. */
const NO_IPV6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);
