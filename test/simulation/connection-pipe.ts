import type { SeededRandom } from '../../src/base/seeded-random.ts';
import type { VirtualLoop } from './virtual-loop.ts';

/** One direction of a connection. */
export interface PipeProfile {
  /** Shortest one-way delay, whole milliseconds. */
  readonly delayMs: number;
  /** Up to this much is added, evenly spread; what is late holds up all behind it. */
  readonly jitterMs: number;
  /** Bottleneck in bytes per second; Infinity for none. */
  readonly bytesPerSecond: number;
  /** Bytes the system at either end holds: of what waits to leave, and of what was not read. */
  readonly bufferBytes: number;
}

/** A pipe that delivers everything at once. */
export const PERFECT_PIPE: PipeProfile = {
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Infinity,
  bufferBytes: 64 * 1024,
};

/** A datagram, or the end of the direction. */
export type PipeItem = Uint8Array | 'end';

/**
 * One direction of a connection: datagrams arrive once, in order and unchanged, as long as it lives. It may stall, as TCP
 * does when the path loses everything for a while, and it may be cut.
 */
export class ConnectionPipe {
  /** Something arrived. */
  onArrival: (item: PipeItem) => void = () => undefined;
  /** Some of what waited has left. Called by the loop only. */
  onProgress: () => void = () => undefined;

  readonly #loop: VirtualLoop;
  readonly #random: SeededRandom;
  #profile: PipeProfile;
  /** What waits to leave. */
  readonly #waiting: PipeItem[] = [];
  #waitingBytes = 0;
  /** Bytes that are under way, or arrived and were not read. */
  #unreadBytes = 0;
  #isReading = false;
  #isCut = false;
  #busyUntilMs = 0;
  #stalledUntilMs = 0;
  #lastArrivalMs = 0;
  #pumpAtMs = Infinity;

  constructor(loop: VirtualLoop, random: SeededRandom, profile: PipeProfile) {
    this.#loop = loop;
    this.#random = random;
    this.#profile = profile;
  }

  get profile(): PipeProfile {
    return this.#profile;
  }

  /** Changes the weather; what has left is not changed any more. */
  setProfile(profile: PipeProfile): void {
    this.#profile = profile;
  }

  /** Bytes that the system has not taken: they are beyond its buffer. */
  get queuedBytes(): number {
    return Math.max(0, this.#waitingBytes - this.#profile.bufferBytes);
  }

  /** Takes one item. */
  push(item: PipeItem): void {
    if (this.#isCut) return;
    this.#waiting.push(item);
    this.#waitingBytes += lengthOf(item);
    this.#pump();
  }

  /** Whether the receiver reads. While it does not, what has left fills its buffer, and then nothing leaves. */
  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    if (isReading) this.#wakeAt(this.#loop.now());
  }

  /** The receiver has taken so many bytes. */
  taken(bytes: number): void {
    this.#unreadBytes -= bytes;
  }

  /** Nothing leaves for so long. */
  stall(forMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#loop.now() + forMs);
  }

  /** Whatever waits or is under way is lost, and so is all that follows. */
  cut(): void {
    this.#isCut = true;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  /** Lets leave what can. @returns whether anything did. */
  #pump(): boolean {
    const nowMs = this.#loop.now();
    const { delayMs, jitterMs, bytesPerSecond, bufferBytes } = this.#profile;
    const before = this.#waiting.length;
    for (let item = this.#waiting[0]; item !== undefined; item = this.#waiting[0]) {
      const length = lengthOf(item);
      const freeAtMs = Math.max(this.#busyUntilMs, this.#stalledUntilMs);
      if (freeAtMs > nowMs) {
        this.#wakeAt(Math.ceil(freeAtMs));
        break;
      }
      if (!this.#isReading && this.#unreadBytes > 0 && this.#unreadBytes + length > bufferBytes) break;
      this.#waiting.shift();
      this.#waitingBytes -= length;
      this.#unreadBytes += length;
      this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + (length * 1000) / bytesPerSecond;
      const jitter = jitterMs > 0 ? this.#random.nextInt(jitterMs + 1) : 0;
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, Math.ceil(this.#busyUntilMs + delayMs + jitter));
      this.#arriveAt(this.#lastArrivalMs, item);
    }
    return this.#waiting.length < before;
  }

  #arriveAt(atMs: number, item: PipeItem): void {
    this.#loop.at(atMs, () => {
      if (!this.#isCut) this.onArrival(item);
    });
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#pumpAtMs) return;
    this.#pumpAtMs = atMs;
    this.#loop.at(atMs, () => {
      if (this.#pumpAtMs === atMs) this.#pumpAtMs = Infinity;
      if (this.#pump()) this.onProgress();
    });
  }
}

const lengthOf = (item: PipeItem): number => (item === 'end' ? 0 : item.length);
