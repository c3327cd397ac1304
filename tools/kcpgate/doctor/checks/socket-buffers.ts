import type { NativeLoad } from '../../../../native-bindings/index.ts';
import { createDatagramSocket } from '../../../../src/carrier/node/create-datagram-socket.ts';
import type { SocketBufferSizes } from '../../../../src/carrier/node/datagram-socket.ts';
import { formatSize } from '../../../../src/gateway/config/units.ts';
import { messageOf } from '../message.ts';
import type { Finding, Patient } from '../finding.ts';
import { systemSetting } from './system-setting.ts';

/** Whether the kernel gives sockets the buffers that the configuration asks for. */
export function checkSocketBuffers({ config, native }: Patient): Promise<Finding> {
  const sizes = config.listeners.map((listener) =>
    'socketBufferBytes' in listener ? listener.socketBufferBytes : 0,
  );
  return socketBuffers(Math.max(0, ...sizes), native);
}

/** Whether the kernel gives a socket buffers of so many bytes. */
export async function socketBuffers(requested: number, native: NativeLoad): Promise<Finding> {
  const check = 'socket buffers';
  let sizes: SocketBufferSizes;
  try {
    const bind = { address: '127.0.0.1', family: 4, port: 0 } as const;
    const socket = await createDatagramSocket({ bind, bufferBytes: requested }, native);
    sizes = socket.bufferSizes;
    await socket.close();
  } catch (error) {
    return { check, status: 'failure', text: `no UDP socket could be opened: ${messageOf(error)}` };
  }
  return judgeBuffers(sizes, systemSetting('/proc/sys/net/core/rmem_max') !== undefined);
}

/** @param isLinux the system has the settings that the advice names. */
export function judgeBuffers(sizes: SocketBufferSizes, isLinux: boolean): Finding {
  const check = 'socket buffers';
  const { requested, receive, send } = sizes;
  const details = { requestedBytes: requested, receiveBytes: receive, sendBytes: send };
  if (receive >= requested && send >= requested) {
    return { check, status: 'ok', text: `${formatSize(requested)} each way, as asked for`, details };
  }
  const settings = [
    ...(receive < requested ? [`net.core.rmem_max=${requested}`] : []),
    ...(send < requested ? [`net.core.wmem_max=${requested}`] : []),
  ];
  return {
    check,
    status: 'warning',
    text: `${formatSize(receive)} to receive and ${formatSize(send)} to send instead of ${formatSize(requested)}: bursts get lost`,
    ...(isLinux && {
      advice: [
        `sysctl -w ${settings.join(' ')}`,
        `for good: printf '%s\\n' ${settings.join(' ')} > /etc/sysctl.d/60-kcpgate.conf`,
      ],
    }),
    details,
  };
}
