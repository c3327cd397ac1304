import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CloseCode } from '../../src/base/close-code.ts';
import type { CloseInfo } from '../../src/client/node/index.ts';

/** A session as a byte stream. */
export interface TunnelSession {
  stream(): Duplex;
  /** Resolves when it ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
  close(code: CloseCode, reason: string): Promise<CloseInfo>;
}

/**
 * Carries bytes both ways between a local TCP connection and a session, until both are gone. Each direction ends on its
 * own. A session that is closed for a reason resets the TCP connection, after what arrived before; a TCP connection that
 * breaks closes the session with `kicked`, so that the back end is not told of an end in order.
 * @returns how the session ended.
 */
export async function carry(socket: Socket, connection: TunnelSession): Promise<CloseInfo> {
  const stream = connection.stream();
  stream.on('error', () => {
    resetAfterData(socket);
  });
  socket.on('error', () => void connection.close(CloseCode.kicked, 'the local connection broke'));
  socket.pipe(stream);
  stream.pipe(socket);
  const info = await connection.closed;
  if (info.code === CloseCode.normal) endInOrder(socket);
  await finished(socket).catch(() => undefined);
  return info;
}

/** What the application still sends has nowhere to go; what is on its way to it arrives, however slowly it reads. */
function endInOrder(socket: Socket): void {
  socket.unpipe();
  socket.resume();
}

/** Gives the application what arrived, then an error instead of an end. */
function resetAfterData(socket: Socket): void {
  const reset = (): void => {
    // A connection about to be ended cannot be reset any more.
    if (socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  };
  if (!socket.writable) {
    reset();
    return;
  }
  const timer = setTimeout(reset, LINGER_MS);
  socket.once('close', () => {
    clearTimeout(timer);
  });
  // Called when everything written before is in the hands of the system.
  socket.write(NOTHING, reset);
}

const NOTHING = new Uint8Array(0);
/** How long data waits for an application that does not take it, before the reset. */
const LINGER_MS = 5_000;
