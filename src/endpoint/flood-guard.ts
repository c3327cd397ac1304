/**
 * Notices floods of junk. Reading costs more by the call than by the datagram: who reads each piece of junk at once spends
 * most of a core on calls, and who lets some gather first a fraction of it. So while there is a flood, a reader that found
 * nothing but little junk rests for {@link FLOOD_REST_MS}. Everybody else waits that much longer, at most.
 */
export class FloodGuard {
  private windowAt = 0;
  private drops = 0;
  private isFlooded = false;

  /**
   * A batch was handled.
   * @param drops how many of its datagrams were of no use.
   * @returns whether to rest before more is read.
   */
  afterBatch(now: number, datagrams: number, drops: number): boolean {
    if (now - this.windowAt >= WINDOW_MS) {
      this.isFlooded = this.drops >= FLOOD_DROPS && now - this.windowAt < 2 * WINDOW_MS;
      this.windowAt = now;
      this.drops = 0;
    }
    this.drops += drops;
    return this.isFlooded && drops >= datagrams && datagrams < ENOUGH;
  }
}

/** How long to rest, in ms. The system makes about 0.09 of it. */
export const FLOOD_REST_MS = 0.02;
const WINDOW_MS = 10;
/** In one window: 20,000 a second, which take about a tenth of a core one by one. */
const FLOOD_DROPS = 200;
/** Datagrams in one batch with which the price of a call is spread well enough. */
const ENOUGH = 32;
