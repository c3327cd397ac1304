import type { NativeLoad } from '../../native-bindings/index.ts';
import type { SocketAddress } from '../../src/base/address.ts';
import { MemoryHub } from '../../src/carrier/memory.ts';
import { createTcpCarrier } from '../../src/carrier/node/tcp.ts';
import { connectTcpCarrier } from '../../src/carrier/node/tcp-client.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { describeWithNative } from '../support/native.ts';
import { describeCarrier, type CreateCarrierPair } from './carrier.ts';
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
const createTcpPair =
  (farBind: SocketAddress, loopback: SocketAddress): CreateCarrierPair =>
  async (nearLimits, farLimits) => {
    const far = await createTcpCarrier({ bind: farBind, ...farLimits });
    const farAddress = { ...loopback, port: far.localAddress.port };
    const near = await connectTcpCarrier({ remote: farAddress, ...nearLimits });
    return { near, far, farAddress, until: untilTrue };
  };

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
describeCarrier('tcp', createTcpPair(LOOPBACK_V4, LOOPBACK_V4), {
  sendsEmpty: false,
  oversizeEndsConnection: true,
});
describeUdpCarrier('dgram', { status: 'off', reason: 'this test' });
describeWithNative('native', (bindings, file) =>
  describeUdpCarrier('native', { status: 'loaded', bindings, file }),
);
