import { NEVER } from '../base/clock.ts';
import type { KcpEngine } from '../kcp/index.ts';
import { sequenceOf } from '../wire/segment.ts';
import { DatagramQueue } from './datagram-queue.ts';
import { MessageNumbers } from './message-numbers.ts';
import type { Delivery } from './delivery.ts';
import type { DrainAnnouncement } from './drain-notice.ts';
import type { PathArena } from './path-arena.ts';
import type { Path } from './path.ts';

/** What goes beside the ordered data of one session: its messages outside the order, both ways, and what a gateway announces. */
export class UnorderedMessages {
  /** When one was last sent, or came, in ms. */
  lastAt = 0;
  /** Those that came and had no taker. */
  unwanted = 0;
  /** Gateway: said as long as it holds. */
  announcement: DrainAnnouncement | undefined;
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

  /** When {@link write} is next to be called for an announcement, in ms. */
  announcementDeadline(path: Path): number {
    return path.isReady ? (this.announcement?.deadline ?? NEVER) : NEVER;
  }

  /** Writes what waits, on the path in use. @returns whether the arena was full. */
  write(now: number, arena: PathArena, path: Path, conv: number, engine: KcpEngine): boolean {
    if (path.isFull) return false;
    const { announcement } = this;
    const { wnd, una } = engine.advertised;
    if (path.isReady && announcement?.isDue(now) === true) {
      if (!announcement.write(now, arena, conv, wnd, una, engine.rtoMs)) return true;
    }
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

  /** Hands over one that is new. */
  deliver(delivery: Delivery, bytes: Uint8Array, offset: number, length: number): void {
    if (!delivery.writeDatagram(bytes, offset, length)) this.unwanted++;
  }
}
