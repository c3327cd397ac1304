/** Up and down with inertia: only so many equal results in a row change it. */
export class RiseFall {
  readonly #rise: number;
  readonly #fall: number;
  #isUp: boolean;
  #wasGood = false;
  #streak = 0;
  #isSettled = false;

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

  /** There was enough evidence once, for whatever it is. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** @returns whether that changed it. */
  record(isGood: boolean): boolean {
    this.#streak = isGood === this.#wasGood ? this.#streak + 1 : 1;
    this.#wasGood = isGood;
    if (this.#streak < (isGood ? this.#rise : this.#fall)) return false;
    this.#isSettled = true;
    const hasChanged = this.#isUp !== isGood;
    this.#isUp = isGood;
    return hasChanged;
  }
}
