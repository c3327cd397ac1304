import type { CaptureNoticeCode } from '../found-datagram.ts';
import type { CaptureCounters, CaptureNotice } from './capture-counters.ts';

/** Counts what is no datagram, and tells of it once a packet. */
export class Notices {
  readonly #counters: CaptureCounters;
  readonly #notice: CaptureNotice | undefined;
  /** The packet each code was told of last. */
  readonly #toldOf = new Map<CaptureNoticeCode, number>();

  constructor(counters: CaptureCounters, notice: CaptureNotice | undefined) {
    this.#counters = counters;
    this.#notice = notice;
  }

  /** Number of the packet being looked at, from 1. */
  get packet(): number {
    return this.#counters.packets;
  }

  /** @param packet to blame; default the one being looked at. */
  tell(code: CaptureNoticeCode, text: string, packet = this.#counters.packets): void {
    this.#counters.notices[code]++;
    if (this.#notice === undefined || this.#toldOf.get(code) === packet) return;
    this.#toldOf.set(code, packet);
    this.#notice(code, packet, text);
  }
}
