import { NEVER } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { PathArena } from './path-arena.ts';
import type { Path } from './path.ts';
import type { Seal } from './seal.ts';
import type { PathOutput } from './session-paths.ts';

/**
 * Sends what a session writes on the path in use a second time on another path, each with a packet number of its own, as
 * far as a budget goes. What does not fit is left out: the original is on its way anyway.
 */
export class Copier {
  private path: Path | undefined;
  private until = NEVER;
  private bucket: TokenBucket;
  private bytesPerSecond: number;
  private lastAt = 0;
  private askAt = NEVER;
  // Of the run under way.
  private now = 0;
  private output: PathOutput | undefined;
  private conv = 0;
  private seal: Seal | undefined;
  private from: Path | undefined;

  /** @param bytesPerSecond in the long run, and at once; datagrams with header and tag. */
  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
    this.bucket = bucketOf(bytesPerSecond);
  }

  /** Where copies go; undefined when there are none. */
  get target(): Path | undefined {
    return this.path;
  }

  /** Copies go to this path, until then. */
  begin(path: Path, until: number): void {
    if (path !== this.path) this.stop();
    this.path = path;
    path.isCopied = true;
    this.until = until;
  }

  /** Another budget; the same one goes on as it was. */
  limit(bytesPerSecond: number): void {
    if (bytesPerSecond === this.bytesPerSecond) return;
    this.bytesPerSecond = bytesPerSecond;
    this.bucket = bucketOf(bytesPerSecond);
  }

  stop(): void {
    if (this.path !== undefined) this.path.isCopied = false;
    this.path = undefined;
    this.askAt = NEVER;
  }

  /** Whether what is written on `active` now is to be written again. */
  isOn(now: number, active: Path): boolean {
    const { path } = this;
    if (path === undefined) return false;
    if (path === active || !path.isKept || path.isLost || now >= this.until) {
      this.stop();
      return false;
    }
    return true;
  }

  // ---- client: the peer copies only as long as copies come ----

  /** The peer is to be asked for its copies, at once and whenever there is nothing to copy for a while. */
  keepAsking(): void {
    if (this.askAt === NEVER) this.askAt = 0;
  }

  /** When {@link isAskDue} is next to be called, in ms. */
  get deadline(): number {
    return this.path === undefined ? NEVER : this.askAt;
  }

  /** Whether a copy is to be sent although there is nothing to copy; then it is up to the caller to send it. */
  isAskDue(now: number): boolean {
    if (now < this.askAt) return false;
    const isDue = this.askAt === 0 || now - this.lastAt >= ASK_MS;
    if (isDue) this.lastAt = now;
    this.askAt = this.lastAt + ASK_MS;
    return isDue;
  }

  // ---- a run ----

  /** What is committed from now on is written on `from`. */
  beginRun(now: number, output: PathOutput, conv: number, seal: Seal, from: Path): this {
    this.now = now;
    this.output = output;
    this.conv = conv;
    this.seal = seal;
    this.from = from;
    return this;
  }

  /** A datagram was committed, `length` bytes of segments at `at`, not sealed yet: writes it again. */
  follow(arena: PathArena, at: number, length: number): void {
    const { path, output, from, conv, seal } = this;
    if (path === undefined || output === undefined || from === undefined) return;
    const { isOverBudget } = arena;
    if (!this.copy(output.arenaOf(path).selectCopies(conv, seal, path), arena, at, length, path))
      path.traffic.copiesSkipped++;
    // It may be one and the same arena.
    output.arenaOf(from);
    arena.select(conv, seal, from, this);
    arena.isOverBudget = isOverBudget;
  }

  private copy(to: PathArena, from: PathArena, at: number, length: number, path: Path): boolean {
    const total = length + to.overheadBytes;
    if (!path.isReady || !this.bucket.has(this.now, total)) return false;
    const place = to.reserve(length);
    if (place < 0) return false;
    this.bucket.take(this.now, total);
    if (to.bytes === from.bytes) to.bytes.copyWithin(place, at, at + length);
    else copyBytes(from.bytes, at, to.bytes, place, length);
    to.commit(length);
    this.lastAt = this.now;
    return true;
  }
}

/** One byte after the other: a view of the source would be an object a datagram. */
function copyBytes(from: Uint8Array, at: number, to: Uint8Array, place: number, length: number): void {
  for (let i = 0; i < length; i++) to[place + i] = from[at + i]!;
}

function bucketOf(bytesPerSecond: number): TokenBucket {
  const ratePerSecond = Math.min(MAX_RATE, Math.max(0, bytesPerSecond));
  return new TokenBucket({ ratePerSecond, burst: Math.max(1, ratePerSecond) });
}

/** More than anybody sends. */
const MAX_RATE = 2 ** 40;
/** A client whose copies have nothing to carry sends one all the same after so long, in ms. */
const ASK_MS = 1_000;
