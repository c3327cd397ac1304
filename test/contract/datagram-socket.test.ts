import { createDgramSocket } from '../../src/carrier/node/dgram-socket.ts';
import { createNativeSocket } from '../../src/carrier/node/native-socket.ts';
import { describeWithNative } from '../support/native.ts';
import { describeDatagramSocket } from './datagram-socket.ts';
import { hasIpv6 } from './loopback.ts';

const ipv6 = await hasIpv6();

describeDatagramSocket('dgram', createDgramSocket, ipv6);

describeWithNative('native', (bindings) => {
  describeDatagramSocket(
    'native',
    (options) => Promise.resolve().then(() => createNativeSocket(options, bindings)),
    ipv6,
  );
  describeDatagramSocket(
    'native without segmentation',
    (options) =>
      Promise.resolve().then(() => createNativeSocket({ segmentation: false, ...options }, bindings)),
    ipv6,
  );
});
