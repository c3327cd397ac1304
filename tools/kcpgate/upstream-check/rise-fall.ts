/**
 * Up and down with inertia: only so many equal results in a row change it. What goes up and down all the time needs ever more to
 * come up again, because each change costs all clients of nginx something.
 */
export class RiseFall {
  readonly #rise: number;
  readonly #fall: number;
  #isUp: boolean;
  #wasGood = false;
  #streak = 0;
  #isSettled = false;
  /** How often it went down lately. */
  #falls = 0;
  #untilForgotten = 0;

  /** @param rise good results in a row that make it up. @param fall bad ones that make it down. @param isUp at first. */
  constructor(rise: number, fall: number, isUp: boolean) {
    this.#rise = rise;
    this.#fall = fall;
    this.#isUp = isUp;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** How many results in a row were equal so far, the last one included. */
  get streak(): number {
    return this.#streak;
  }

  /** It is up, and the last result was bad: the next ones decide. */
  get isInDoubt(): boolean {
    return this.#isUp && this.#streak > 0 && !this.#wasGood;
  }

  /** There was enough evidence once, for whatever it is. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** @returns whether that changed it. */
  record(isGood: boolean): boolean {
    this.#forget();
    this.#streak = isGood === this.#wasGood ? this.#streak + 1 : 1;
    this.#wasGood = isGood;
    if (this.#streak < (isGood ? this.#riseNow() : this.#fall)) return false;
    this.#isSettled = true;
    const hasChanged = this.#isUp !== isGood;
    this.#isUp = isGood;
    if (hasChanged && !isGood) {
      this.#falls++;
      this.#untilForgotten = FORGET_AFTER;
    }
    return hasChanged;
  }

  #riseNow(): number {
    const factor = 2 ** Math.min(Math.max(0, this.#falls - FREE_FALLS), MAX_DOUBLINGS);
    return Math.min(this.#rise * factor, Math.max(this.#rise, MOST_RESULTS));
  }

  #forget(): void {
    if (this.#falls === 0 || --this.#untilForgotten > 0) return;
    this.#falls--;
    this.#untilForgotten = FORGET_AFTER;
  }
}

/** So many falls cost nothing; each further one doubles what is needed to come up. */
const FREE_FALLS = 2;
const MAX_DOUBLINGS = 16;
/** More than so many good results are not asked for, unless `rise` is more. */
const MOST_RESULTS = 60;
/** After so many results without a fall one is forgotten. */
const FORGET_AFTER = 300;
