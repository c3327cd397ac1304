import type { SendArena } from '../base/send-arena.ts';

/** Packs segments into datagrams, in place in an arena: as many to a datagram as the MTU allows. */
export class DatagramWriter {
  private arena: SendArena | undefined;
  private mtu = 0;
  private start = -1;
  private length = 0;

  /** The arena of this run. */
  get memory(): SendArena {
    return this.arena!;
  }

  /** Starts a run of datagrams. */
  begin(arena: SendArena, mtu: number): void {
    this.arena = arena;
    this.mtu = mtu;
    this.start = -1;
    this.length = 0;
  }

  /**
   * Room for one segment of `bytes` bytes: in the open datagram, or at the start of the next one. A segment larger than
   * the MTU (it was cut before the MTU went down) gets a datagram of its own.
   * @returns its offset in the arena, or -1 when the arena is full.
   */
  room(bytes: number): number {
    if (this.start >= 0) {
      if (this.length + bytes <= this.mtu) {
        const at = this.start + this.length;
        this.length += bytes;
        return at;
      }
      this.end();
    }
    const at = this.arena!.reserve(bytes > this.mtu ? bytes : this.mtu);
    if (at < 0) return -1;
    this.start = at;
    this.length = bytes;
    return at;
  }

  /** Ends the open datagram. */
  end(): void {
    if (this.start < 0) return;
    this.arena!.commit(this.length);
    this.start = -1;
    this.length = 0;
  }
}
