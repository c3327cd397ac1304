/** What is counted: races are handshakes on several lines, copies datagrams of clients that came by a second one, restarts are the gateway's, deaths those of clients, attacks are datagrams, datagrams messages outside the order,
 * sheltered those of sessions to which nothing happened but moves. */
const NAMES = [
  'sessions',
  'races',
  'moves',
  'copies',
  'rebinds',
  'breaks',
  'restarts',
  'deaths',
  'kicks',
  'drains',
  'attacks',
  'bytes',
  'datagrams',
  'sheltered',
] as const;
type CountName = (typeof NAMES)[number];

/** What happened in runs of schedules. */
export class RunCounts {
  readonly #counts = new Map<CountName, number>(NAMES.map((name) => [name, 0]));
  /** Ends of sessions, by the name of their close code. */
  readonly closes = new Map<string, number>();

  count(name: CountName, by = 1): void {
    this.#counts.set(name, this.#counts.get(name)! + by);
  }

  countClose(name: string, by = 1): void {
    this.closes.set(name, (this.closes.get(name) ?? 0) + by);
  }

  add(other: RunCounts): void {
    for (const [name, count] of other.#counts) this.count(name, count);
    for (const [name, count] of other.closes) this.countClose(name, count);
  }

  /** What never happened. */
  get missing(): string[] {
    return NAMES.filter((name) => this.#counts.get(name) === 0);
  }

  /** One line. */
  get text(): string {
    const closes = [...this.closes].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
    const counts = [...this.#counts].map(([name, count]) => `${count} ${name}`);
    return `${counts.join(', ')}; ends closed: ${closes.join(', ')}`;
  }
}
