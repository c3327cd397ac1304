import type { CloseCode } from '../../base/close-code.ts';
import type { BatchArena } from '../batch-arena.ts';
import type { ConnectionEndReason } from '../connection-stats.ts';

/** One connection of a {@link ConnectionCarrier}: the part that knows its socket, and what the carrier keeps on it. */
export abstract class Connection {
  /** Its address slot. */
  slot = -1;
  /** Nothing is sent any more: it is being ended. */
  isEnding = false;
  /** Its user let go of it: nothing is delivered or told any more. */
  isLeft = false;
  /** Too much was queued for it, and `writable` is to be told. */
  isStopped = false;
  /** Why it ended; the first reason counts. */
  endReason: ConnectionEndReason | undefined;
  /** Ends it: when it was not confirmed in time, and when its end takes too long. */
  timer: NodeJS.Timeout | undefined;

  /** The connection takes what it is given to send. */
  abstract readonly isWritable: boolean;
  /** Bytes given to `send` that the system did not take yet. */
  abstract readonly queuedBytes: number;
  /** Starts to read. Called once. */
  abstract start(): void;
  /** Reads nothing until `resume`; what was read is still delivered. Only after `start`. */
  abstract pause(): void;
  abstract resume(): void;
  /**
   * Sends datagrams of the arena, `first` up to but not `end`, which stand one after the other.
   * @returns false when it still reads the memory of the arena.
   */
  abstract send(arena: BatchArena, first: number, end: number): boolean;
  /** Ends it in order: after what was sent. What still arrives is read and dropped. */
  abstract end(code: CloseCode, reason: string): void;
  /** Ends it now. What the system has taken is still sent. */
  abstract destroy(): void;
  /** Ends it now; nothing more is sent. */
  abstract reset(): void;
}
