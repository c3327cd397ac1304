import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { SendError, type SessionPort } from '../../../src/base/sink.ts';
import { UdpUpstream, type SessionInfo } from '../../../src/upstream/index.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const SESSION: SessionInfo = {
  id: '1',
  conv: 1,
  remoteAddress: { address: '127.0.0.1', family: 4, port: 1 },
};

/** Tells what an upstream does with its session. */
class RecordingPort implements SessionPort {
  readonly calls: string[] = [];
  longestDatagram = 1000;
  onCall: () => void = () => undefined;

  send(bytes: Uint8Array, offset: number, length: number): number {
    this.#note(`send ${String(length)} ${String(bytes[offset])}`);
    return length;
  }
  sendDatagram(bytes: Uint8Array, offset: number, length: number): number {
    if (length === 0) return SendError.empty;
    if (length > this.longestDatagram) return SendError.tooLarge;
    this.#note(`datagram ${String(length)} ${String(bytes[offset])}`);
    return length;
  }
  end(): void {
    this.#note('end');
  }
  resume(): void {
    this.#note('resume');
  }
  close(code: CloseCode, reason: string): void {
    this.#note(`close ${String(code)} ${reason}`);
  }
  /** Waits until something was called. */
  async until(call: string): Promise<void> {
    while (!this.calls.includes(call)) await new Promise<void>((resolve) => (this.onCall = resolve));
  }
  #note(call: string): void {
    this.calls.push(call);
    this.onCall();
  }
}

/** A UDP server that answers with what it got. */
async function startServer(): Promise<{
  readonly socket: Socket;
  readonly port: number;
  readonly got: Buffer[];
}> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => socket.close());
  const got: Buffer[] = [];
  socket.on('message', (bytes, { port, address }) => {
    got.push(bytes);
    socket.send(bytes, port, address);
  });
  return { socket, port: socket.address().port, got };
}

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('UdpUpstream', () => {
  test('each message is a datagram, whichever way it came; answers go outside the order if they are short', async () => {
    const { port: at, got } = await startServer();
    const upstream = new UdpUpstream({ name: 'app', servers: [{ host: '127.0.0.1', port: at }] });
    const port = new RecordingPort();
    const sink = upstream.open(port, SESSION);
    // Before there is a socket: held, in order.
    sink.write(filled(10, 1), 0, 10, true);
    sink.datagram?.(filled(20, 2), 0, 20);
    expect(upstream.stats()).toMatchObject({ sessions: 1, activeSessions: 1, connections: 0, heldBytes: 30 });
    await port.until('resume');
    // In pieces, and longer than a datagram of the session can be.
    const bytes = filled(1500, 3);
    sink.write(bytes, 0, 1000, false);
    sink.write(bytes, 0, 500, true);
    // Borrowed: what happens to the bytes afterwards is not seen.
    bytes.fill(9);
    await port.until('send 1500 3');
    expect(port.calls).toEqual(['resume', 'datagram 10 1', 'datagram 20 2', 'send 1500 3']);
    expect(got.map(({ length }) => length)).toEqual([10, 20, 1500]);
    expect(upstream.stats()).toMatchObject({
      ...{ connections: 1, bytesFromSessions: 1530, bytesToSessions: 1530, heldBytes: 0 },
    });
    sink.close(CloseCode.normal, '');
    expect(upstream.stats()).toMatchObject({ activeSessions: 0, connections: 0 });
  });

  test('an end of the session waits a moment for answers, then is an end of both sides', async () => {
    const { port: at } = await startServer();
    const upstream = new UdpUpstream({ name: 'app', servers: [{ host: '127.0.0.1', port: at }] });
    const port = new RecordingPort();
    const sink = upstream.open(port, SESSION);
    await port.until('resume');
    sink.write(filled(5, 5), 0, 5, true);
    sink.end();
    await port.until('end');
    expect(port.calls).toEqual(['resume', 'datagram 5 5', 'end']);
    sink.close(CloseCode.normal, '');
  });

  test('sessions take servers in turn', async () => {
    const servers = await Promise.all([startServer(), startServer()]);
    const upstream = new UdpUpstream({
      name: 'app',
      servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    });
    for (let n = 0; n < 4; n++) {
      const port = new RecordingPort();
      const sink = upstream.open(port, SESSION);
      closers.push(() => sink.close(CloseCode.normal, ''));
      sink.write(filled(1, n), 0, 1, true);
      await port.until(`datagram 1 ${String(n)}`);
    }
    expect(servers.map(({ got }) => got.length)).toEqual([2, 2]);
  });

  test('a server that is not there is no end, a name that is not there is one', async () => {
    const { socket, port: at } = await startServer();
    const upstream = new UdpUpstream({ name: 'app', servers: [{ host: '127.0.0.1', port: at }] });
    const port = new RecordingPort();
    const sink = upstream.open(port, SESSION);
    closers.push(() => sink.close(CloseCode.normal, ''));
    await port.until('resume');
    closers.shift();
    socket.close();
    await once(socket, 'close');
    while (upstream.stats().brokenConnections === 0) {
      sink.datagram?.(filled(1, 1), 0, 1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(port.calls).toEqual(['resume']);

    const nowhere = new UdpUpstream({ name: 'app', servers: [{ host: 'no-such-name.invalid', port: 1 }] });
    const other = new RecordingPort();
    nowhere.open(other, SESSION);
    while (other.calls.length === 0) await new Promise<void>((resolve) => (other.onCall = resolve));
    expect(other.calls[0]).toMatch(/^close 3005 /);
    expect(nowhere.stats()).toMatchObject({ activeSessions: 0, connectFailures: 1 });
  });

  test('a server that no socket can be connected to is an end, not an exception', async () => {
    // The system does not let everybody send to all.
    const upstream = new UdpUpstream({ name: 'app', servers: [{ host: '255.255.255.255', port: 9 }] });
    const port = new RecordingPort();
    const sink = upstream.open(port, SESSION);
    sink.write(filled(1, 1), 0, 1, true);
    while (port.calls.length === 0) await new Promise<void>((resolve) => (port.onCall = resolve));
    expect(port.calls).toEqual([expect.stringMatching(/^close 3005 /)]);
    expect(upstream.stats()).toMatchObject({ activeSessions: 0, connectFailures: 1, heldBytes: 0 });
  });

  test('holds little before there is a socket, and no message that no datagram can carry', () => {
    const upstream = new UdpUpstream({ name: 'app', servers: [{ host: '127.0.0.1', port: 1 }] });
    const port = new RecordingPort();
    const sink = upstream.open(port, SESSION);
    expect(sink.write(filled(60_000, 1), 0, 60_000, true)).toBe(true);
    expect(sink.write(filled(6_000, 1), 0, 6_000, true)).toBe(false);
    for (let n = 0; n < 100; n++) sink.datagram?.(filled(1000, 1), 0, 1000);
    expect(upstream.stats().heldBytes).toBe(66_000);
    sink.write(filled(60_000, 1), 0, 60_000, false);
    sink.write(filled(6_000, 1), 0, 6_000, true);
    expect(port.calls).toEqual(['close 3505 the message is longer than a datagram']);
    expect(upstream.stats()).toMatchObject({ activeSessions: 0, heldBytes: 0 });
  });

  test('closed, it ends its sessions, and new ones at once', async () => {
    const upstream = new UdpUpstream({ name: 'app', servers: [{ host: '127.0.0.1', port: 1 }] });
    const ports = [new RecordingPort(), new RecordingPort()];
    upstream.open(ports[0]!, SESSION);
    await upstream.close();
    upstream.open(ports[1]!, SESSION);
    for (const { calls } of ports) expect(calls).toEqual(['close 3001 the gateway is shutting down']);
  });
});
