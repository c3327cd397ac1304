import type { NativeLoad } from '../../native-bindings/index.ts';
import type { SocketAddress } from '../../src/base/address.ts';
import type { Carrier } from '../../src/carrier/carrier.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { proxiedCarrier } from '../../src/carrier/proxied.ts';
import { describeWithNative } from '../support/native.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { describeCarrier, type CarrierLimits, type CreateCarrierPair } from './carrier.ts';
import { ANY_V6, hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from './loopback.ts';

/** A carrier that reads headers is, to peers that send none, a carrier like the one beneath it. */
const behindProxies = (carrier: Carrier, mode: 'proxy' | 'spp'): Carrier =>
  proxiedCarrier(carrier, { mode, isTrusted: () => true, clock: new VirtualClock() });

const createPair =
  (native: NativeLoad, loopback: SocketAddress, farBind: SocketAddress): CreateCarrierPair =>
  async (nearLimits: CarrierLimits, farLimits: CarrierLimits) => {
    const near = await createUdpCarrier({ bind: loopback, native, ...nearLimits });
    const far = await createUdpCarrier({ bind: farBind, native, ...farLimits });
    return {
      near: behindProxies(near, 'spp'),
      far: behindProxies(far, 'proxy'),
      farAddress: { ...loopback, port: far.localAddress.port },
      until: untilTrue,
    };
  };

const ipv6 = await hasIpv6();

function describeOn(implementation: string, native: NativeLoad): void {
  describeCarrier(`${implementation}, behind proxies`, createPair(native, LOOPBACK_V4, LOOPBACK_V4));
  if (ipv6) {
    const name = `${implementation}, behind proxies, IPv6 peer of a dual-stack socket`;
    describeCarrier(name, createPair(native, LOOPBACK_V6, ANY_V6));
  }
}

describeOn('dgram', { status: 'off', reason: 'this test' });
describeWithNative('native', (bindings, file) => {
  describeOn('native', { status: 'loaded', bindings, file });
});
