import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import type { SocketAddress } from '../../src/base/address.ts';
import type { Carrier } from '../../src/carrier/carrier.ts';
import type { ClientCarrier } from '../../src/carrier/node/client-carrier.ts';
import type {
  ConnectionOptions,
  ConnectionServerOptions,
} from '../../src/carrier/node/connection-options.ts';
import { createTcpCarrier } from '../../src/carrier/node/tcp.ts';
import { connectTcpCarrier } from '../../src/carrier/node/tcp-client.ts';
import { createWsCarrier, type WsCarrierOptions } from '../../src/carrier/node/ws.ts';
import { connectWsCarrier } from '../../src/carrier/node/ws-client.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/tls.ts';

/** A carrier that takes connections, and how clients come to it. */
export interface ConnectionServer {
  readonly carrier: Carrier;
  readonly address: SocketAddress;
  connect(options?: ConnectionOptions): Promise<ClientCarrier>;
  /** Closes what the carrier does not own. */
  close(): Promise<void>;
}

export type CreateConnectionServer = (options?: ConnectionServerOptions) => Promise<ConnectionServer>;

const TLS_CLIENT = { ca: TEST_CERTIFICATE };

/** @param bind where it listens; @param loopback how that is reached. */
export const tcpServer =
  (bind: SocketAddress, loopback: SocketAddress, secure: boolean): CreateConnectionServer =>
  async (options = {}) => {
    const tls = { key: TEST_KEY, cert: TEST_CERTIFICATE };
    const carrier = await createTcpCarrier({ bind, ...(secure ? { tls } : {}), ...options });
    const address = { ...loopback, port: carrier.localAddress.port };
    return {
      carrier,
      address,
      connect: (clientOptions = {}) =>
        connectTcpCarrier({ remote: address, ...(secure ? { tls: TLS_CLIENT } : {}), ...clientOptions }),
      close: () => Promise.resolve(),
    };
  };

export const wsServer =
  (loopback: SocketAddress, secure: boolean, own: Partial<WsCarrierOptions> = {}): CreateConnectionServer =>
  async (options = {}) => {
    const http = secure ? createHttpsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }) : createHttpServer();
    http.listen(0, loopback.address);
    await once(http, 'listening');
    const address = { ...loopback, port: portOf(http) };
    const carrier = createWsCarrier({ localAddress: address, ...own, ...options });
    http.on('upgrade', (request, socket, head) => {
      const { remoteAddress = '', remotePort = 0 } = request.socket;
      const family = remoteAddress.includes(':') ? 6 : 4;
      carrier.handleUpgrade(request, socket, head, { address: remoteAddress, family, port: remotePort });
    });
    const host = loopback.family === 6 ? `[${loopback.address}]` : loopback.address;
    const url = `${secure ? 'wss' : 'ws'}://${host}:${String(address.port)}/kcp`;
    return {
      carrier,
      address,
      connect: (clientOptions = {}) =>
        connectWsCarrier({ url, ...(secure ? { tls: TLS_CLIENT } : {}), ...clientOptions }),
      close: async () => {
        http.close();
        http.closeAllConnections();
        await once(http, 'close');
      },
    };
  };

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
