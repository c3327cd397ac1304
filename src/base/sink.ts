import type { CloseCode } from './close-code.ts';

/**
 * Where a session's data goes: an upstream connection, a hub, an application. Bound once, when the session opens.
 *
 * No method may throw, and none is called again after `close`.
 */
export interface Sink {
  /**
   * Takes the next in-order piece of data: one segment's payload, a whole message or a part of it.
   *
   * The bytes are valid only during the call: keep means copy. They are taken whatever is returned.
   * @param endOfMessage true on the last (or only) piece of a message; every piece of a byte stream has it.
   * @returns false to say "enough for now": delivery stops, the receive window closes, until
   *   {@link SessionPort.resume} is called.
   */
  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean;
  /** End of one run of writes: hand on what was gathered. Called at most once a turn, never per packet. */
  flush(): void;
  /** The peer finished its direction: everything it sent has been written. */
  end(): void;
  /** The session can take data again after {@link SessionPort.send} took less than it was given. */
  writable(): void;
  /**
   * The session is being drained: take nothing more from the other side, hand over what is held, then call
   * {@link SessionPort.end}.
   */
  drain(): void;
  /**
   * Takes a message that was sent outside the order, by {@link SessionPort.sendDatagram} of the peer: as it comes, or never.
   * Bytes as in {@link write}. Default: such messages are dropped and counted.
   */
  datagram?(bytes: Uint8Array, offset: number, length: number): void;
  /** The peer answered for the first time. */
  opened?(): void;
  /** The session is gone, for this reason; release everything. Last call. */
  close(code: CloseCode, reason: string): void;
}

/**
 * What a sink may do with its session. Every method is safe to call at any time, from within a sink's method too; after
 * the close they do nothing.
 */
export interface SessionPort {
  /**
   * Queues bytes towards the peer: a message in message mode, a piece of the stream in stream mode. Copies them.
   * @returns the number of bytes taken: all, some (stream mode only), or 0 when the queue is full - then
   *   {@link Sink.writable} follows. Negative: {@link SendError}, the bytes can never be sent.
   */
  send(bytes: Uint8Array, offset: number, length: number): number;
  /**
   * Sends one message outside the order, once: it arrives soon or never. Only sessions that logged in can. Copies the bytes.
   * @returns `length`, or a negative {@link SendError}.
   */
  sendDatagram(bytes: Uint8Array, offset: number, length: number): number;
  /** Ends this direction after everything queued was sent; the other direction goes on. */
  end(): void;
  /** Asks for data again after {@link Sink.write} returned false. */
  resume(): void;
  /**
   * Ends the session and tells the peer why. Data still queued towards the peer is sent first, for a bounded time; no
   * more data is written to the sink.
   */
  close(code: CloseCode, reason: string): void;
}

/** Why {@link SessionPort.send} can never take these bytes. */
export const SendError = {
  /** A message of zero bytes: stock receivers wedge on it. */
  empty: -1,
  /** More fragments than the peer's receive window or the protocol can hold. */
  tooLarge: -2,
  /** The session is closing or this direction was ended. */
  closed: -3,
} as const;
