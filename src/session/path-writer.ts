import { NEVER } from '../base/clock.ts';
import { writeAcknowledgement } from '../wire/acknowledgement.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import { Copier } from './copier.ts';
import type { PathArena } from './path-arena.ts';
import type { Path } from './path.ts';
import type { Seal } from './seal.ts';
import type { SessionCore } from './session-core.ts';
import type { PathOutput, SegmentContext } from './session-paths.ts';

/** Writes what a session sends on its path in use, sealed once it has keys; on a second one, too, while copies are wanted. */
export class PathWriter {
  /** What protects its datagrams; undefined for a clear session, and for a client whose handshake is not done. */
  seal: Seal | undefined;
  private readonly core: SessionCore;
  /** The path that is written to in this turn. */
  private target: Path;
  /** How far this turn is behind what has arrived. */
  private caughtUpAt = 0;
  private copier: Copier | undefined;

  constructor(core: SessionCore, seal: Seal | undefined) {
    this.core = core;
    this.seal = seal;
    this.target = core.paths.active;
  }

  /** A turn begins. @param caughtUpAt everything that had arrived by then was handed in. */
  beginTurn(caughtUpAt: number): void {
    this.caughtUpAt = caughtUpAt;
  }

  /** The arena of the path in use. */
  arenaOf(output: PathOutput): PathArena {
    const path = (this.target = this.core.paths.active);
    return output.arenaOf(path).select(this.core.conv, this.seal, path);
  }

  /** As {@link arenaOf}; what is written to it is written to another one as well while copies are wanted. */
  copyingArenaOf(now: number, output: PathOutput): PathArena {
    const arena = this.arenaOf(output);
    const { copier, seal } = this;
    const { conv, paths } = this.core;
    const { active } = paths;
    if (copier === undefined || seal === undefined || !copier.isOn(now, active)) return arena;
    return arena.select(conv, seal, active, copier.beginRun(now, output, conv, seal, active));
  }

  /** In this turn the session went to another path: what is written now would go where nobody is. */
  get isElsewhere(): boolean {
    return this.core.paths.active !== this.target;
  }

  /** Writes what the engine has to send, on the path in use. @returns true when that was not all. */
  transmit(now: number, arena: PathArena): boolean {
    const { engine, paths } = this.core;
    const path = paths.active;
    if (path.isFull) return false;
    if (path.isValidated) return engine.pollTransmit(now, arena, this.caughtUpAt);
    for (;;) {
      const { sentBytes } = path;
      const room = arena.budgetOf(path);
      if (room < SEGMENT_HEADER_BYTES) return false;
      if (!engine.pollTransmit(now, arena, this.caughtUpAt, room)) return false;
      // Each datagram leaves less for the next, which may then be shorter.
      if (path.sentBytes === sentBytes) return !arena.isOverBudget;
      arena.isOverBudget = false;
    }
  }

  /**
   * When {@link transmit} is next to be called, in ms. A path that is not validated is not worth waking up for: its budget
   * grows by what arrives.
   */
  get deadline(): number {
    const { engine, paths } = this.core;
    const { isValidated, isFull } = paths.active;
    return isValidated && !isFull ? engine.nextDeadline() : NEVER;
  }

  /** What segments that are no data say of the session. */
  context(): SegmentContext {
    const { config, conv, engine } = this.core;
    const { wnd, una } = engine.advertised;
    return { conv, seal: this.seal, wnd, una, ptoMs: engine.rtoMs, isClient: config.role === 'client' };
  }

  // ---- copies ----

  /** Client: copies go to this path, or to none. @returns whether they do; see {@link Session.copyTo}. */
  copyTo(path: Path | undefined, maxBytesPerSecond: number): boolean {
    const { config, life, paths } = this.core;
    const isOpen = life.state === 'open' || life.state === 'closing';
    const isPossible = this.seal !== undefined && isOpen && config.role === 'client';
    if (path === undefined || !isPossible || path === paths.active || path.isLost || !paths.has(path)) {
      this.copier?.stop();
      return false;
    }
    const copier = (this.copier ??= new Copier(maxBytesPerSecond));
    copier.limit(maxBytesPerSecond);
    // One that was left is not forgotten meanwhile.
    path.retireAt = NEVER;
    copier.begin(path, NEVER);
    copier.keepAsking();
    return true;
  }

  /** Gateway: the client sends copies on this path, and is sent some as long as it does. */
  copyBack(now: number, path: Path): void {
    const { config, paths } = this.core;
    const { copyBytesPerSecond } = config;
    if (path === paths.active || !path.isValidated || copyBytesPerSecond === 0) return;
    paths.keepUntil(path, now + COPY_HOLD_MS);
    (this.copier ??= new Copier(copyBytesPerSecond)).begin(path, now + COPY_HOLD_MS);
  }

  /** Where copies of what goes out on `path` go; undefined: nowhere. */
  copiesOf(now: number, path: Path): Path | undefined {
    return this.copier?.isOn(now, path) === true ? this.copier.target : undefined;
  }

  /** Client: nothing was copied for a while; without a copy the gateway would stop sending its own. */
  askForCopies(now: number, output: PathOutput): void {
    const { copier } = this;
    const { conv, engine, life, paths } = this.core;
    if (copier === undefined || copier.deadline > now || life.state !== 'open') return;
    if (!copier.isOn(now, paths.active) || !copier.isAskDue(now)) return;
    const path = copier.target;
    if (path?.isReady !== true) return;
    const arena = output.arenaOf(path).selectCopies(conv, this.seal, path);
    const at = arena.reserve(SEGMENT_HEADER_BYTES);
    if (at < 0) return;
    const { wnd, una } = engine.advertised;
    arena.commit(writeAcknowledgement(arena, at, { type: 'windowTell', conv, wnd, ts: now, sn: 0, una }));
  }

  /** When {@link askForCopies} is next to be called, in ms. */
  get copyDeadline(): number {
    return this.copier?.deadline ?? NEVER;
  }
}

/** A gateway goes on sending copies for so long after the last one came. */
const COPY_HOLD_MS = 2_000;
