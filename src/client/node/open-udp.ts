import type { SocketAddress } from '../../base/address.ts';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { createUdpCarrier } from '../../carrier/node/udp.ts';

/** What a client's UDP socket is made with. */
export interface OpenUdpOptions {
  /** Kernel buffers, in bytes. Default 4 MiB; the kernel may give less. */
  readonly socketBufferBytes?: number | undefined;
  readonly maxDatagramBytes: number;
  readonly logger?: Logger | undefined;
}

/** Opens a UDP socket on a free port, for one peer. @throws GatewayError as `createUdpCarrier` does. */
export function openUdp(
  remote: SocketAddress,
  { socketBufferBytes = 4 * 1024 * 1024, maxDatagramBytes, logger = NO_LOG }: OpenUdpOptions,
): Promise<Carrier> {
  return createUdpCarrier({
    bind: { address: remote.family === 6 ? '::' : '0.0.0.0', family: remote.family, port: 0 },
    remote,
    bufferBytes: socketBufferBytes,
    maxDatagramBytes,
    // One peer: what arrives in one turn is little.
    slabBytes: 256 * 1024,
    arenaBytes: 128 * 1024,
    logger,
  });
}
