import type { SendArena } from '../base/send-arena.ts';
import { PATH_PROBE_BYTES, writePathProbe } from '../wire/path-probe.ts';
import type { ClientHandshake, HandshakeAnswer } from './client-handshake.ts';
import { EarlyArena } from './early-arena.ts';
import type { PathArena } from './path-arena.ts';
import type { Path } from './path.ts';
import type { SessionCore } from './session-core.ts';
import type { PathOutput } from './session-paths.ts';

/**
 * When and where a client says HELLO: on every candidate until one answers, and then, if the session is clear, wherever the
 * gateway is to follow.
 */
export class ClientHellos {
  readonly handshake: ClientHandshake;
  /** Clear session: the gateway may be elsewhere, and is to be told by a HELLO_CLEAR on the path in use. */
  isCallingBack = false;
  private readonly core: SessionCore;
  private caughtUpAt = 0;

  constructor(handshake: ClientHandshake, core: SessionCore) {
    this.handshake = handshake;
    this.core = core;
  }

  get isClear(): boolean {
    return this.handshake.credentials.seal === 'clear';
  }

  /** When {@link write} is next to be called while the session opens, in ms. */
  get deadline(): number {
    return this.handshake.deadline;
  }

  /** Opening: repeats the HELLO on every path that may answer it. @returns true when an arena was full. */
  write(now: number, output: PathOutput, caughtUpAt: number): boolean {
    const { handshake } = this;
    const { config, conv, engine, paths } = this.core;
    this.caughtUpAt = caughtUpAt;
    if (handshake.isDue(now)) {
      handshake.beginRound(now);
      for (const path of paths) path.isHelloDue = path.isCandidate;
    }
    for (const path of paths) {
      if (!path.isHelloDue || path.isLost) continue;
      // Whichever HELLO comes first, the same data is in it.
      if (config.earlyData) engine.resendAll(now);
      const arena = output.arenaOf(path).select(conv, undefined, path);
      if (!handshake.write(arena, path, this.writeEarly)) return true;
      path.isHelloDue = false;
    }
    return false;
  }

  /** Early data: what is queued goes out with the HELLO, as far as it fits. */
  private readonly writeEarly = (arena: SendArena, at: number, room: number): number => {
    const { config, engine } = this.core;
    if (!config.earlyData) return 0;
    const early = new EarlyArena(arena, at, room);
    engine.pollTransmit(this.caughtUpAt, early, this.caughtUpAt, room);
    return early.length;
  };

  /**
   * Takes a HELLO_ACK that came on this path; opens it in place.
   * @returns undefined when it is no answer to what was asked here.
   */
  handleAck(
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
    path: Path,
  ): HandshakeAnswer | undefined {
    if (this.core.life.state !== 'opening' && !this.isAskedOn(path)) return undefined;
    const answer = this.handshake.handleAck(bytes, view, offset, length);
    if (answer?.isAnother === false) {
      path.isAnnouncing = false;
      path.challenge = undefined;
    }
    return answer;
  }

  /** A clear session that is open asks on this path by a HELLO_CLEAR: a PATH_CHALLENGE would prove nothing. */
  isAskedOn(path: Path): boolean {
    if (!this.isClear || path.challenge === undefined) return false;
    return path !== this.core.paths.active || this.isCallingBack;
  }

  /** Writes a HELLO_CLEAR in place of a challenge, where one is. @returns whether the arena had room; undefined: none is. */
  readonly writeInstead = (now: number, arena: PathArena, path: Path): boolean | undefined => {
    const { challenge } = path;
    if (challenge === undefined || !this.isAskedOn(path)) return undefined;
    const { conv, engine } = this.core;
    const { wnd, una } = engine.advertised;
    // The challenge in it tells a gateway that does not know the session not to open another.
    return this.handshake.write(arena, path, (memory, at, room) => {
      if (room < PATH_PROBE_BYTES) return 0;
      return writePathProbe(memory, at, {
        type: 'pathChallenge',
        ...{ conv, wnd, una, ts: now | 0, data: challenge.data },
      });
    });
  };
}
