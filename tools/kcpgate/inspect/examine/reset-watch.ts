export interface ResetStorm {
  /** -1: of several sessions. */
  readonly session: number;
  readonly count: number;
  readonly us: number;
  readonly packets: readonly number[];
}

/** The newest RESETs of a capture: are there more than there should be? Each storm is told once. */
export class ResetWatch {
  readonly #newest: { readonly session: number; readonly timeUs: number; readonly packet: number }[] = [];
  #quietUntilUs = -Infinity;

  /** @returns the storm that this one completes. */
  take(session: number, timeUs: number, packet: number): ResetStorm | null {
    const newest = this.#newest;
    newest.push({ session, timeUs, packet });
    if (newest.length > MANY) newest.shift();
    if (timeUs < this.#quietUntilUs) return null;
    const ofOne = newest.filter((one) => one.session === session && timeUs - one.timeUs < ONE_US);
    const ofAll = newest.filter((one) => timeUs - one.timeUs < ALL_US);
    const isOfOne = ofOne.length >= MANY_OF_ONE && session >= 0;
    if (!isOfOne && ofAll.length < MANY) return null;
    const storm = isOfOne ? ofOne : ofAll;
    this.#quietUntilUs = timeUs + QUIET_US;
    return {
      session: isOfOne ? session : -1,
      count: storm.length,
      us: timeUs - (storm[0]?.timeUs ?? timeUs),
      packets: storm.map((one) => one.packet),
    };
  }
}

/** A client believes the first RESET: so many for one session within so long say that it does not. */
const MANY_OF_ONE = 6;
const ONE_US = 5e6;
/** For all sessions together. */
const MANY = 64;
const ALL_US = 1e6;
const QUIET_US = 10e6;
