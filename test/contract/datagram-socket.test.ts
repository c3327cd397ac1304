import { loadNativeBindings } from '../../native-bindings/index.ts';
import { createDgramSocket } from '../../src/carrier/node/dgram-socket.ts';
import { createNativeSocket } from '../../src/carrier/node/native-socket.ts';
import { describeDatagramSocket } from './datagram-socket.ts';
import { hasIpv6 } from './loopback.ts';

const ipv6 = await hasIpv6();
const native = loadNativeBindings();

describeDatagramSocket('dgram', createDgramSocket, ipv6);
if (native.status === 'loaded') {
  describeDatagramSocket(
    'native',
    (options) => Promise.resolve().then(() => createNativeSocket(options, native.bindings)),
    ipv6,
  );
}
