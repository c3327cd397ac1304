import { createDgramSocket } from '../../src/carrier/node/dgram-socket.ts';
import { describeDatagramSocket } from './datagram-socket.ts';
import { hasIpv6 } from './loopback.ts';

describeDatagramSocket('dgram', createDgramSocket, await hasIpv6());
