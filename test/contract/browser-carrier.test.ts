import { WebSocket } from 'ws';
import { connectWs } from '../../src/client/browser/ws-carrier.ts';
import type { WebSocketConstructor } from '../../src/client/browser/web-socket.ts';
import { localAddressOf } from '../../src/carrier/node/socket-address.ts';
import { describeCarrier, type CreateCarrierPair } from './carrier.ts';
import { wsServer, type CreateConnectionServer } from './connection-servers.ts';
import { describeConnections } from './connections.ts';
import { LOOPBACK_V4, untilTrue } from './loopback.ts';

/*
 * The carrier of browsers on another WebSocket that behaves like theirs. A page does not learn its address; the suites want to
 * know who is who, so here it is told.
 */

const createServer: CreateConnectionServer = async (options) => {
  const server = await wsServer(LOOPBACK_V4, false)(options);
  return {
    ...server,
    connect: async (clientOptions = {}) => {
      let localAddress = server.address;
      class Watched extends WebSocket {
        constructor(url: string, protocols: string[]) {
          super(url, protocols, { perMessageDeflate: false });
          this.once('upgrade', ({ socket }) => {
            localAddress = localAddressOf(socket) ?? localAddress;
          });
        }
      }
      const carrier = await connectWs({
        url: `ws://127.0.0.1:${String(server.address.port)}/kcp`,
        WebSocket: Watched as unknown as WebSocketConstructor,
        later: setImmediate,
        ...clientOptions,
      });
      return Object.assign(carrier, { localAddress });
    },
  };
};

const createPair: CreateCarrierPair = async (nearLimits, farLimits) => {
  const server = await createServer({ ...farLimits, lingerMs: 100 });
  const near = await server.connect({ ...nearLimits, lingerMs: 100 });
  const far = server.carrier;
  return { near, far, farAddress: near.remoteAddress, until: untilTrue, close: () => server.close() };
};

describeCarrier('WebSocket of a browser', createPair, { sendsEmpty: true, oversizeEndsConnection: true });
// A browser reads whether or not anybody listens.
describeConnections('WebSocket of a browser', createServer, false);
