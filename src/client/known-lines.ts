import type { LineEvidence, LineReport } from './lines/line-report.ts';

/** What was measured of lines, shared by the sessions of a client. Bounded by the lines of a login. */
export class KnownLines {
  #evidence: ReadonlyMap<string, LineEvidence> = new Map();
  #isUdpBlocked = false;

  /** The latest report counts; lines that are not in it keep what was known, while they are few. */
  learn({ lines }: LineReport): void {
    const merged = new Map(this.#evidence);
    for (const { line } of lines) merged.delete(line.id);
    // Later ones are newer; the oldest give way.
    for (const evidence of lines) merged.set(evidence.line.id, evidence);
    this.#evidence = new Map([...merged].slice(-MAX_LINES));
    const answered = (isUdp: boolean): boolean[] =>
      lines
        .filter(({ line }) => (line.transport === 'udp') === isUdp)
        .map((evidence) => evidence.answered > 0);
    const udp = answered(true);
    const connections = answered(false);
    this.#isUdpBlocked = udp.length > 0 && !udp.includes(true) && connections.includes(true);
  }

  of(lineId: string): LineEvidence | null {
    return this.#evidence.get(lineId) ?? null;
  }

  /** Whether no datagram came back when it was last looked, although connections work. */
  get isUdpBlocked(): boolean {
    return this.#isUdpBlocked;
  }
}

const MAX_LINES = 1024;
