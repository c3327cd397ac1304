import type { SocketAddress } from '../../base/address.ts';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { createUdpCarrier } from '../../carrier/node/udp.ts';

/** What a client's UDP socket is made with. */
export interface OpenUdpOptions {
  /** Kernel buffers, in bytes. Default 4 MiB; the kernel may give less. */
  readonly socketBufferBytes?: number | undefined;
  readonly maxDatagramBytes: number;
  /** Few datagrams go to and fro, one at a time. Default false. */
  readonly isForProbes?: boolean | undefined;
  readonly logger?: Logger | undefined;
}

/** Opens a UDP socket on a free port, for one peer. @throws GatewayError as `createUdpCarrier` does. */
export function openUdp(
  remote: SocketAddress,
  {
    socketBufferBytes = 4 * 1024 * 1024,
    maxDatagramBytes,
    isForProbes = false,
    logger = NO_LOG,
  }: OpenUdpOptions,
): Promise<Carrier> {
  return createUdpCarrier({
    bind: { address: remote.family === 6 ? '::' : '0.0.0.0', family: remote.family, port: 0 },
    remote,
    bufferBytes: socketBufferBytes,
    maxDatagramBytes,
    // One peer: what arrives in one turn is little.
    ...(isForProbes ? { ...SMALL, segmentation: false } : { slabBytes: 256 * 1024, arenaBytes: 128 * 1024 }),
    logger,
  });
}

/** Memory of a carrier for probes; the longest is a jumbo frame. */
export const SMALL = { slabBytes: 16 * 1024, arenaBytes: 16 * 1024, maxBatch: 16 } as const;
