import type { Logger } from '../../base/logger.ts';
import type { SocketBufferSizes } from './datagram-socket.ts';

/** The part of `dgram.Socket` that sizes the kernel's buffers. */
export interface BufferedSocket {
  setRecvBufferSize(bytes: number): void;
  setSendBufferSize(bytes: number): void;
  getRecvBufferSize(): number;
  getSendBufferSize(): number;
}

/**
 * Asks for kernel buffers of `requested` bytes each way (0: leaves the system's defaults) and reads back what was given,
 * with a warning when it is less.
 */
export function sizeSocketBuffers(
  socket: BufferedSocket,
  requested: number,
  platform: string,
  logger: Logger,
): SocketBufferSizes {
  if (requested > 0) {
    // Some systems refuse what Linux clamps; either way what counts is read back below.
    attempt(() => socket.setRecvBufferSize(requested));
    attempt(() => socket.setSendBufferSize(requested));
  }
  // Linux reports twice what is usable: the other half is for its own bookkeeping.
  const reportedPerUsable = platform === 'linux' ? 2 : 1;
  const receive = Math.floor(socket.getRecvBufferSize() / reportedPerUsable);
  const send = Math.floor(socket.getSendBufferSize() / reportedPerUsable);
  const sizes = { requested, receive, send };
  warnOfSmallBuffers(sizes, platform, logger);
  return sizes;
}

/** Too small a buffer loses datagrams in bursts without a trace, so one warning says which setting to raise. */
export function warnOfSmallBuffers(sizes: SocketBufferSizes, platform: string, logger: Logger): void {
  const { requested, receive, send } = sizes;
  if (receive >= requested && send >= requested) return;
  logger.warn('the system gave smaller socket buffers than asked for', {
    requestedBytes: requested,
    receiveBytes: receive,
    sendBytes: send,
    ...(platform === 'linux' && { raise: settingsToRaise(receive < requested, send < requested) }),
  });
}

function settingsToRaise(receive: boolean, send: boolean): string {
  return [receive && 'net.core.rmem_max', send && 'net.core.wmem_max'].filter(Boolean).join(', ');
}

function attempt(set: () => void): void {
  try {
    set();
  } catch {
    // Told by what is read back.
  }
}
