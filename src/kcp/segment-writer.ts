import type { SendArena } from '../base/send-arena.ts';
import { ADDRESS_BLOCK_BYTES, writeAddressBlock } from '../wire/address-block.ts';
import { Command } from '../wire/command.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../wire/segment.ts';
import type { SegmentPool } from './segment-pool.ts';

/**
 * Writes segments in place into an arena, packed into datagrams: as many to a datagram as the MTU allows. Every segment
 * of one run carries the same window and `una`.
 *
 * A run ends early in two ways: the arena is full, or a segment is larger than the run's limit ({@link isOverLimit}).
 */
export class SegmentWriter {
  private readonly conv: number;
  private readonly pool: SegmentPool;
  private arena: SendArena | undefined;
  private mtu = 0;
  private limit = 0;
  private window = 0;
  private una = 0;
  /** Where the open datagram begins; -1 when none is open. */
  private start = -1;
  private length = 0;
  private wrote = false;
  private overLimit = false;

  constructor(conv: number, pool: SegmentPool) {
    this.conv = conv;
    this.pool = pool;
  }

  /** Whether this run has written anything. */
  get hasWritten(): boolean {
    return this.wrote;
  }

  /** The last run met a segment larger than its limit, and ended there. */
  get isOverLimit(): boolean {
    return this.overLimit;
  }

  /** The limit of the last run has room for a segment without payload. */
  get takesControl(): boolean {
    return this.limit >= SEGMENT_HEADER_BYTES;
  }

  /** Starts a run. No datagram gets larger than `limit`, which may be below the MTU. */
  begin(arena: SendArena, mtu: number, limit: number, window: number, una: number): void {
    this.arena = arena;
    this.mtu = limit < mtu ? limit : mtu;
    this.limit = limit;
    this.overLimit = false;
    this.window = window;
    this.una = una;
    this.start = -1;
    this.length = 0;
    this.wrote = false;
  }

  /** Writes a segment without payload. @returns false when the run ends here: nothing was written. */
  writeControl(command: number, ts: number, sn: number): boolean {
    const at = this.room(SEGMENT_HEADER_BYTES);
    if (at < 0) return false;
    this.writeHeader(at, command, 0, ts, sn, 0);
    return true;
  }

  /**
   * Writes a data segment whose payload lies in `slot` (-1 when it has none).
   * @param announcing as NEW with an address block that is not filled, instead of PUSH.
   * @returns false when the run ends here: nothing was written.
   */
  writeData(
    fragment: number,
    ts: number,
    sn: number,
    slot: number,
    length: number,
    announcing: boolean,
  ): boolean {
    const block = announcing ? ADDRESS_BLOCK_BYTES : 0;
    const at = this.room(SEGMENT_HEADER_BYTES + block + length);
    if (at < 0) return false;
    this.writeHeader(at, announcing ? Command.new : Command.push, fragment, ts, sn, length);
    const arena = this.arena!;
    if (announcing) writeAddressBlock(arena, at + SEGMENT_HEADER_BYTES, null);
    if (length > 0) this.pool.load(slot, length, arena.bytes, at + SEGMENT_HEADER_BYTES + block);
    return true;
  }

  /** Ends the run: the open datagram is committed. */
  end(): void {
    if (this.start < 0) return;
    this.arena!.commit(this.length);
    this.start = -1;
    this.length = 0;
  }

  /**
   * Room for one segment: in the open datagram, or at the start of the next one. A segment larger than the MTU (it was
   * cut before the MTU went down) gets a datagram of its own.
   * @returns its offset in the arena, or -1 when the arena is full or the segment larger than the limit.
   */
  private room(bytes: number): number {
    if (this.start >= 0) {
      if (this.length + bytes <= this.mtu) {
        const at = this.start + this.length;
        this.length += bytes;
        return at;
      }
      this.end();
    }
    if (bytes > this.mtu && bytes > this.limit) {
      this.overLimit = true;
      return -1;
    }
    const at = this.arena!.reserve(bytes > this.mtu ? bytes : this.mtu);
    if (at < 0) return -1;
    this.start = at;
    this.length = bytes;
    return at;
  }

  private writeHeader(
    at: number,
    command: number,
    fragment: number,
    ts: number,
    sn: number,
    length: number,
  ): void {
    this.wrote = true;
    writeSegmentHeader(
      this.arena!.view,
      at,
      this.conv,
      command,
      fragment,
      this.window,
      ts,
      sn,
      this.una,
      length,
    );
  }
}
