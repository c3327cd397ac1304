/** How times are shown. */
export const TIME_CHOICES = ['relative', 'absolute', 'delta'] as const;
export type TimeChoice = (typeof TIME_CHOICES)[number];

/** Writes times in one way. */
export class TimeText {
  readonly #choice: TimeChoice;
  #startUs = NaN;
  #previousUs = NaN;

  constructor(choice: TimeChoice) {
    this.#choice = choice;
  }

  /**
   * The time of the next datagram: seconds since `startUs` or since the datagram before it, or date and time in UTC. A dash
   * when the input tells none.
   */
  of(timeUs: number, startUs: number): string {
    if (timeUs <= 0) return '-';
    this.#startUs = startUs;
    const beforeUs = Number.isNaN(this.#previousUs) ? timeUs : this.#previousUs;
    this.#previousUs = timeUs;
    switch (this.#choice) {
      case 'relative':
        return secondsText(timeUs - this.#startUs);
      case 'delta':
        return secondsText(timeUs - beforeUs);
      case 'absolute':
        return absoluteText(timeUs);
    }
  }
}

/** Seconds with six digits behind the point. */
export const secondsText = (us: number): string => (Math.round(us) / 1e6).toFixed(6);

/** `2026-01-02 03:04:05.123456`, in UTC. */
export function absoluteText(timeUs: number): string {
  const wholeUs = Math.floor(timeUs);
  const date = new Date(Math.floor(wholeUs / 1000));
  // Beyond what a date can be: a damaged time.
  if (Number.isNaN(date.getTime())) return secondsText(timeUs);
  const [day = '', clock = ''] = date.toISOString().split('T');
  return `${day} ${clock.slice(0, -1)}${String(wholeUs % 1000).padStart(3, '0')}`;
}

/** `850 us`, `31.2 ms`, `1.50 s` */
export function spanText(us: number): string {
  if (us < 999.5) return `${Math.round(us)} us`;
  if (us < 999_950) return `${(us / 1000).toFixed(1)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}
