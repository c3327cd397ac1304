import { isIP } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';
import { NO_LOG } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { connectTcpCarrier } from '../../carrier/node/tcp-client.ts';
import type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
import { connectWsCarrier } from '../../carrier/node/ws-client.ts';
import type { Line } from '../login-answer.ts';
import type { OpenedLine } from '../sdk/client-platform.ts';
import { openUdp, SMALL, type OpenUdpOptions } from './open-udp.ts';

/** What carriers of lines are made with. */
export interface OpenCarrierOptions extends OpenUdpOptions {
  /** How servers of TLS lines are checked. Default: as Node does it, by the name of the line's host. */
  readonly tls?: TlsClientOptions | undefined;
  /** How long connecting may take, in ms. */
  readonly timeoutMs: number;
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
): Promise<OpenedLine> {
  const { maxDatagramBytes, isForProbes = false, timeoutMs, logger = NO_LOG } = options;
  const shared = { maxDatagramBytes, timeoutMs, logger, signal, ...(isForProbes ? SMALL : {}) };
  switch (line.transport) {
    case 'udp':
      return opened(line, await openUdp(remote, options), remote);
    case 'tcp': {
      const tls = line.tls ? { tls: tlsOf(line, options) } : {};
      return opened(line, await connectTcpCarrier({ ...shared, ...tls, remote }), remote);
    }
    case 'ws':
    case 'wss': {
      const host = isIP(line.host) === 6 ? `[${line.host}]` : line.host;
      const url = `${line.transport}://${host}:${String(line.port)}${line.path}`;
      const tls = line.tls ? { tls: tlsOf(line, options) } : {};
      const carrier = await connectWsCarrier({ ...shared, ...tls, url, address: remote.address });
      return opened(line, carrier, carrier.remoteAddress);
    }
  }
}

async function opened({ id }: Line, carrier: Carrier, remote: SocketAddress): Promise<OpenedLine> {
  const slot = carrier.intern(remote);
  if (slot >= 0) return { carrier, slot };
  await carrier.close();
  throw new GatewayError('connect_failed', `cannot reach line ${id}`);
}

/** The certificate must be for the host of the line, not for the address it was found under. */
function tlsOf({ host }: Line, { tls = {} }: OpenCarrierOptions): TlsClientOptions {
  return isIP(host) === 0 ? { servername: host, ...tls } : tls;
}
