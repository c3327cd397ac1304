import type { Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import type { ClientSession } from '../../../../src/client/node/index.ts';
import { UdpTunnel } from '../../../../tools/kcpgate/udp-tunnel.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

class FakeSocket extends EventEmitter {
  readonly sent: string[] = [];
  send(bytes: Uint8Array, port: number): void {
    this.sent.push(`${String(port)} ${String(bytes.length)}`);
  }
  close(done: () => void): void {
    done();
  }
  arrive(port: number, length = 10): void {
    this.emit('message', Buffer.alloc(length), { address: '192.0.2.1', port });
  }
}

class FakeSession {
  readonly sent: number[] = [];
  end!: (code: CloseCode) => void;
  readonly #ended = new Promise<CloseCode>((resolve) => (this.end = resolve));
  sendDatagram(bytes: Uint8Array): void {
    this.sent.push(bytes.length);
  }
  onDatagram(): void {
    // Nothing arrives here.
  }
  async close(): Promise<{ code: CloseCode; reason: string }> {
    this.end(CloseCode.normal);
    return { code: await this.#ended, reason: '' };
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    await this.#ended;
    yield* [];
  }
}

function create(open: (signal: AbortSignal) => Promise<FakeSession>): {
  readonly socket: FakeSocket;
  readonly tunnel: UdpTunnel;
} {
  const socket = new FakeSocket();
  const options = {
    listen: { address: '127.0.0.1', family: 4, port: 0 } as const,
    ...{ maxPeers: 10, peerTimeoutMs: 60_000 },
    open: open as unknown as (signal: AbortSignal) => Promise<ClientSession>,
  };
  return { socket, tunnel: new UdpTunnel(socket as unknown as Socket, options, NO_LOG) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a local UDP port', () => {
  test('begins nothing for a sender that cannot be answered', async () => {
    const open = vi.fn(() => Promise.resolve(new FakeSession()));
    const { socket, tunnel } = create(open);
    socket.arrive(0);
    expect(open).not.toHaveBeenCalled();
    await tunnel.stop(0);
  });

  test('holds little for a session that is being opened', async () => {
    const session = new FakeSession();
    let found!: () => void;
    const { socket, tunnel } = create(() => new Promise((resolve) => (found = () => resolve(session))));
    for (let n = 1; n <= 50; n++) socket.arrive(1, 60_000 + n);
    socket.arrive(1, 5);
    found();
    await settle();
    expect(session.sent).toEqual([60_050, 5]);
    await tunnel.stop(1000);
  });

  test('does not begin anew with each datagram when sessions fail, or end at once', async () => {
    const session = new FakeSession();
    const failure = new GatewayError('login_refused', 'no');
    const open = vi.fn((): Promise<FakeSession> => Promise.reject(failure));
    const { socket, tunnel } = create(open);
    for (let n = 0; n < 20; n++) {
      socket.arrive(1);
      await settle();
    }
    expect(open).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1_000);
    open.mockResolvedValue(session);
    socket.arrive(1);
    await settle();
    session.end(CloseCode.kicked);
    for (let n = 0; n < 20; n++) {
      await settle();
      socket.arrive(1);
    }
    expect(open).toHaveBeenCalledTimes(2);
    // The pause holds up nobody who stops.
    await tunnel.stop(60_000);
  });
});
