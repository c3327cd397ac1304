import type { NativeLoad } from '../../native-bindings/index.ts';
import type { SocketAddress } from '../../src/base/address.ts';
import { MemoryHub } from '../../src/carrier/memory.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { describeWithNative } from '../support/native.ts';
import { describeCarrier, type CreateCarrierPair } from './carrier.ts';
import { tcpServer, wsServer, type CreateConnectionServer } from './connection-servers.ts';
import { describeConnections } from './connections.ts';
import { ANY_V6, hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from './loopback.ts';

const createMemoryPair: CreateCarrierPair = (nearLimits, farLimits) => {
  const hub = new MemoryHub();
  const near = hub.join(nearLimits);
  const far = hub.join(farLimits);
  const until = (done: () => boolean): Promise<void> => {
    while (!done()) {
      if (hub.deliver() === 0) return Promise.reject(new Error('the network is quiet, and still not done'));
    }
    return Promise.resolve();
  };
  return Promise.resolve({ near, far, farAddress: far.localAddress, until });
};

/** `near` is bound to one loopback address and reaches `far` by the same. */
const createUdpPair =
  (native: NativeLoad, loopback: SocketAddress, farBind: SocketAddress): CreateCarrierPair =>
  async (nearLimits, farLimits) => {
    const near = await createUdpCarrier({ bind: loopback, native, ...nearLimits });
    const far = await createUdpCarrier({ bind: farBind, native, ...farLimits });
    return { near, far, farAddress: { ...loopback, port: far.localAddress.port }, until: untilTrue };
  };

/** `near` is the client. */
const createConnectedPair =
  (createServer: CreateConnectionServer): CreateCarrierPair =>
  async (nearLimits, farLimits) => {
    const server = await createServer({ ...farLimits, lingerMs: LINGER_MS });
    const near = await server.connect({ ...nearLimits, lingerMs: LINGER_MS });
    const far = server.carrier;
    return { near, far, farAddress: near.remoteAddress, until: untilTrue, close: () => server.close() };
  };

/** In some cases one end is never started, so it does not see the other's end. */
const LINGER_MS = 100;

const TCP_TRAITS = { sendsEmpty: false, oversizeEndsConnection: true };
const WS_TRAITS = { sendsEmpty: true, oversizeEndsConnection: true };

function describeUdpCarrier(implementation: string, native: NativeLoad): void {
  const name = `udp by ${implementation}`;
  describeCarrier(`${name} on 127.0.0.1`, createUdpPair(native, LOOPBACK_V4, LOOPBACK_V4));
  if (!ipv6) return;
  describeCarrier(`${name} on ::1`, createUdpPair(native, LOOPBACK_V6, LOOPBACK_V6));
  describeCarrier(`${name}, IPv4 peer of a dual-stack socket`, createUdpPair(native, LOOPBACK_V4, ANY_V6));
  describeCarrier(`${name}, IPv6 peer of a dual-stack socket`, createUdpPair(native, LOOPBACK_V6, ANY_V6));
}

const ipv6 = await hasIpv6();
describeCarrier('memory', createMemoryPair);
describeUdpCarrier('dgram', { status: 'off', reason: 'this test' });
describeWithNative('native', (bindings, file) =>
  describeUdpCarrier('native', { status: 'loaded', bindings, file }),
);

const CONNECTION_SERVERS = [
  { name: 'tcp', create: tcpServer(LOOPBACK_V4, LOOPBACK_V4, false), traits: TCP_TRAITS },
  { name: 'tcp with tls', create: tcpServer(LOOPBACK_V4, LOOPBACK_V4, true), traits: TCP_TRAITS },
  { name: 'ws', create: wsServer(LOOPBACK_V4, false), traits: WS_TRAITS },
  { name: 'wss', create: wsServer(LOOPBACK_V4, true), traits: WS_TRAITS },
  ...(ipv6
    ? [
        { name: 'tcp on ::1', create: tcpServer(LOOPBACK_V6, LOOPBACK_V6, false), traits: TCP_TRAITS },
        {
          name: 'tcp, IPv4 peer of a dual-stack socket',
          create: tcpServer(ANY_V6, LOOPBACK_V4, false),
          traits: TCP_TRAITS,
        },
        { name: 'ws on ::1', create: wsServer(LOOPBACK_V6, false), traits: WS_TRAITS },
      ]
    : []),
];

for (const { name, create, traits } of CONNECTION_SERVERS) {
  describeCarrier(name, createConnectedPair(create), traits);
  describeConnections(name, create);
}
