import { isIP } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import { NO_LOG } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { connectTcpCarrier } from '../../carrier/node/tcp-client.ts';
import type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
import { connectWsCarrier } from '../../carrier/node/ws-client.ts';
import type { Line } from '../login-answer.ts';
import { openUdp, type OpenUdpOptions } from './open-udp.ts';

/** What carriers of lines are made with. */
export interface OpenCarrierOptions extends OpenUdpOptions {
  /** How servers of TLS lines are checked. Default: as Node does it, by the name of the line's host. */
  readonly tls?: TlsClientOptions | undefined;
  /** How long connecting may take, in ms. */
  readonly timeoutMs: number;
}

/** A carrier, and its peer on it. */
export interface OpenedCarrier {
  readonly carrier: Carrier;
  readonly remote: SocketAddress;
}

/**
 * Opens the carrier of a line.
 * @param remote an address of the line's host.
 * @throws GatewayError `connect_failed`, `connect_timeout`, or what a UDP socket fails with.
 */
export async function openCarrier(
  line: Line,
  remote: SocketAddress,
  options: OpenCarrierOptions,
  signal: AbortSignal,
): Promise<OpenedCarrier> {
  const { maxDatagramBytes, timeoutMs, logger = NO_LOG } = options;
  const shared = { maxDatagramBytes, timeoutMs, logger, signal };
  switch (line.transport) {
    case 'udp':
      return { carrier: await openUdp(remote, options), remote };
    case 'tcp': {
      const tls = line.tls ? { tls: tlsOf(line, options) } : {};
      return { carrier: await connectTcpCarrier({ ...shared, ...tls, remote }), remote };
    }
    case 'ws':
    case 'wss': {
      const host = isIP(line.host) === 6 ? `[${line.host}]` : line.host;
      const url = `${line.transport}://${host}:${String(line.port)}${line.path}`;
      const tls = line.tls ? { tls: tlsOf(line, options) } : {};
      const carrier = await connectWsCarrier({ ...shared, ...tls, url, address: remote.address });
      return { carrier, remote: carrier.remoteAddress };
    }
  }
}

/** The certificate must be for the host of the line, not for the address it was found under. */
function tlsOf({ host }: Line, { tls = {} }: OpenCarrierOptions): TlsClientOptions {
  return isIP(host) === 0 ? { servername: host, ...tls } : tls;
}
