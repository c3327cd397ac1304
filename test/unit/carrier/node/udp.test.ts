import { describe, expect, it, vi } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import * as datagramSocket from '../../../../src/carrier/node/create-datagram-socket.ts';
import { createUdpCarrier, type UdpCarrierOptions } from '../../../../src/carrier/node/udp.ts';

vi.mock('../../../../src/carrier/node/create-datagram-socket.ts', { spy: true });

/** Makes the machine one without IPv6: binding `::` fails as it does there. */
function takeIpv6Away(errno: string): void {
  const cause = Object.assign(new Error(`bind ${errno} ::`), { code: errno });
  const failure = new GatewayError('bind_failed', cause.message, { cause });
  vi.mocked(datagramSocket.createDatagramSocket).mockRejectedValueOnce(failure);
}

const DUAL_STACK: UdpCarrierOptions = { bind: { address: '::', family: 6, port: 0 } };

describe('createUdpCarrier', () => {
  it('falls back to IPv4 where there is no IPv6, and says so', async () => {
    takeIpv6Away('EAFNOSUPPORT');
    const info = vi.fn();
    const carrier = await createUdpCarrier({ ...DUAL_STACK, logger: { ...NO_LOG, info } });
    expect(carrier.localAddress).toMatchObject({ address: '0.0.0.0', family: 4 });
    expect(info).toHaveBeenCalledOnce();
    await carrier.close();
  });

  it('does not fall back when only IPv6 was asked for, or for another reason', async () => {
    takeIpv6Away('EAFNOSUPPORT');
    await expect(createUdpCarrier({ ...DUAL_STACK, ipv6Only: true })).rejects.toBeInstanceOf(GatewayError);
    takeIpv6Away('EMFILE');
    await expect(createUdpCarrier(DUAL_STACK)).rejects.toBeInstanceOf(GatewayError);
  });
});
