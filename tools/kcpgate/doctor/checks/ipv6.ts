import { createDatagramSocket } from '../../../../src/carrier/node/create-datagram-socket.ts';
import { messageOf } from '../message.ts';
import type { Finding, Patient } from '../finding.ts';

/** Whether this machine has IPv6. */
export async function checkIpv6({ config, native }: Patient): Promise<Finding> {
  const check = 'IPv6';
  try {
    const bind = { address: '::1', family: 6, port: 0 } as const;
    await (await createDatagramSocket({ bind, bufferBytes: 0 }, native)).close();
    return { check, status: 'ok', text: 'available' };
  } catch (error) {
    const isNeeded = config.listeners.some(({ bind }) => bind.family === 6 && bind.address !== '::');
    return {
      check,
      status: isNeeded ? 'failure' : 'note',
      text: `not available: ${messageOf(error)}`,
    };
  }
}
