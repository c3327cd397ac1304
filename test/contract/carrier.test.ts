import type { SocketAddress } from '../../src/base/address.ts';
import { MemoryHub } from '../../src/carrier/memory.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
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
  (loopback: SocketAddress, farBind: SocketAddress): CreateCarrierPair =>
  async (nearLimits, farLimits) => {
    const near = await createUdpCarrier({ bind: loopback, ...nearLimits });
    const far = await createUdpCarrier({ bind: farBind, ...farLimits });
    return { near, far, farAddress: { ...loopback, port: far.localAddress.port }, until: untilTrue };
  };

describeCarrier('memory', createMemoryPair);
describeCarrier('udp on 127.0.0.1', createUdpPair(LOOPBACK_V4, LOOPBACK_V4));
if (await hasIpv6()) {
  describeCarrier('udp on ::1', createUdpPair(LOOPBACK_V6, LOOPBACK_V6));
  describeCarrier('udp, IPv4 peer of a dual-stack socket', createUdpPair(LOOPBACK_V4, ANY_V6));
  describeCarrier('udp, IPv6 peer of a dual-stack socket', createUdpPair(LOOPBACK_V6, ANY_V6));
}
