import type { SendArena } from '../base/send-arena.ts';
import { Command } from '../wire/command.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../wire/segment.ts';

/** Unreliable messages that wait for the next turn: copies, bounded. When there are too many, the oldest give way. */
export class DatagramQueue {
  private waiting: Uint8Array[] = [];
  private bytes = 0;
  private counter = 0;
  /** Messages that gave way before they were sent. */
  dropped = 0;
  sent = 0;

  /** Takes a copy. */
  push(bytes: Uint8Array, offset: number, length: number): void {
    this.waiting.push(bytes.slice(offset, offset + length));
    this.bytes += length;
    while (this.bytes > MAX_WAITING_BYTES || this.waiting.length > MAX_WAITING) {
      this.bytes -= this.waiting.shift()?.length ?? 0;
      this.dropped++;
    }
  }

  /** Writes all, each as a datagram of its own. @returns false when the arena was full. */
  write(arena: SendArena, conv: number, wnd: number, una: number): boolean {
    let written = 0;
    for (const message of this.waiting) {
      const total = SEGMENT_HEADER_BYTES + message.length;
      const at = arena.reserve(total);
      if (at < 0) break;
      const sn = this.counter++;
      writeSegmentHeader(arena.view, at, conv, Command.datagram, 0, wnd, 0, sn, una, message.length);
      arena.bytes.set(message, at + SEGMENT_HEADER_BYTES);
      arena.commit(total);
      this.bytes -= message.length;
      written++;
    }
    this.sent += written;
    this.waiting = this.waiting.slice(written);
    return this.waiting.length === 0;
  }
}

const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 256 * 1024;
