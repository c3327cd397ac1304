import { describe, expect, it, vi } from 'vitest';
import { NO_LOG } from '../../../../src/base/logger.ts';
import { sizeSocketBuffers, type BufferedSocket } from '../../../../src/carrier/node/socket-buffers.ts';

/** A kernel that clamps to a limit each way and reports a multiple of what it gave. */
function createKernel(receiveLimit: number, sendLimit: number, reportedTimes: number): BufferedSocket {
  let receive = Math.min(212_992, receiveLimit);
  let send = Math.min(212_992, sendLimit);
  return {
    setRecvBufferSize: (bytes) => void (receive = Math.min(bytes, receiveLimit)),
    setSendBufferSize: (bytes) => void (send = Math.min(bytes, sendLimit)),
    getRecvBufferSize: () => receive * reportedTimes,
    getSendBufferSize: () => send * reportedTimes,
  };
}

describe('sizeSocketBuffers', () => {
  it('reports half of what Linux reports, and is silent when all was given', () => {
    const warn = vi.fn();
    const sizes = sizeSocketBuffers(createKernel(1e6, 1e6, 2), 500_000, 'linux', { ...NO_LOG, warn });
    expect(sizes).toEqual({ requested: 500_000, receive: 500_000, send: 500_000 });
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    [100_000, 1e6, 'net.core.rmem_max'],
    [1e6, 100_000, 'net.core.wmem_max'],
    [100_000, 100_000, 'net.core.rmem_max, net.core.wmem_max'],
  ])('says once which setting clamped it (limits %d and %d)', (receiveLimit, sendLimit, raise) => {
    const warn = vi.fn();
    sizeSocketBuffers(createKernel(receiveLimit, sendLimit, 2), 500_000, 'linux', { ...NO_LOG, warn });
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.any(String), expect.objectContaining({ raise }));
  });

  it('goes on when the system refuses the size', () => {
    const warn = vi.fn();
    const refuse = (): never => {
      throw new Error('no buffer space');
    };
    const kernel = { ...createKernel(1e6, 1e6, 1), setRecvBufferSize: refuse };
    const sizes = sizeSocketBuffers(kernel, 500_000, 'darwin', { ...NO_LOG, warn });
    expect(sizes).toEqual({ requested: 500_000, receive: 212_992, send: 500_000 });
    expect(warn).toHaveBeenCalledOnce();
  });

  it('leaves the defaults when nothing is asked for', () => {
    const sizes = sizeSocketBuffers(createKernel(1e6, 1e6, 2), 0, 'linux', NO_LOG);
    expect(sizes).toEqual({ requested: 0, receive: 212_992, send: 212_992 });
  });
});
