import type { SendArena } from '../base/send-arena.ts';

/** Room for the segments that go out within a HELLO: one datagram's worth at a fixed place of another arena. */
export class EarlyArena implements SendArena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly at: number;
  private readonly room: number;
  /** Bytes written. */
  length = 0;

  constructor(outer: SendArena, at: number, room: number) {
    this.bytes = outer.bytes;
    this.view = outer.view;
    this.at = at;
    this.room = room;
  }

  reserve(length: number): number {
    return this.length === 0 && length <= this.room ? this.at : -1;
  }

  commit(length: number): void {
    this.length = length;
  }
}
