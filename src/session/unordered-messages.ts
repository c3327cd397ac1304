import { sequenceOf } from '../wire/segment.ts';
import { DatagramQueue } from './datagram-queue.ts';
import { MessageNumbers } from './message-numbers.ts';
import type { PathArena } from './path-arena.ts';

/** The messages outside the order of one session, both ways. */
export class UnorderedMessages {
  /** When one was last sent, or came, in ms. */
  lastAt = 0;
  /** Those that came and had no taker. */
  unwanted = 0;
  private readonly queue = new DatagramQueue();
  private seen: MessageNumbers | undefined;

  get sent(): number {
    return this.queue.sent;
  }

  /** Those that gave way to others before they were sent. */
  get dropped(): number {
    return this.queue.dropped;
  }

  /** Takes a copy of a message to be sent. */
  push(bytes: Uint8Array, offset: number, length: number): void {
    this.queue.push(bytes, offset, length);
  }

  /** Writes what waits. @returns whether the arena was full. */
  write(now: number, arena: PathArena, conv: number, wnd: number, una: number): boolean {
    const { sent } = this.queue;
    const wroteAll = this.queue.write(arena, conv, wnd, una);
    if (this.queue.sent !== sent) this.lastAt = now;
    if (wroteAll) return false;
    // One for which the path has no budget waits, and holds nothing else up.
    const isArenaFull = !arena.isOverBudget;
    arena.isOverBudget = false;
    return isArenaFull;
  }

  /**
   * A DATAGRAM came, its header at `at`. A copy may bring it again, or the network where nothing is sealed.
   * @returns whether it is new.
   */
  accept(now: number, view: DataView, at: number, isSealed: boolean): boolean {
    this.seen ??= new MessageNumbers(isSealed);
    if (!this.seen.accept(sequenceOf(view, at))) return false;
    this.lastAt = now;
    return true;
  }
}
