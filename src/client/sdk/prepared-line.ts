import { GatewayError } from '../../base/errors.ts';
import type { Path } from '../../session/index.ts';
import type { Line } from '../login-answer.ts';

/** What a {@link PreparedLine} does with its path. */
export interface PreparedLineHost {
  /** Asks anew whether the path leads to the gateway; resolves with the answer. */
  ask(path: Path, signal: AbortSignal): Promise<void>;
  use(path: Path): void;
  abandon(path: Path): void;
}

/**
 * A line that was opened beside the one in use, and found to lead to the gateway. It is kept until it is used, released or
 * breaks; a session has room for three.
 */
export class PreparedLine {
  readonly line: Line;
  readonly path: Path;
  /** Told once when it broke, nobody answered there any more, or it gave way to others. */
  onLost: ((error: GatewayError) => void) | undefined;
  readonly #host: PreparedLineHost;
  #isHeld = true;

  constructor(line: Line, path: Path, host: PreparedLineHost) {
    this.line = line;
    this.path = path;
    this.#host = host;
  }

  /** It can still be used. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Asks anew whether it leads to the gateway. @throws GatewayError when nobody answered, or it is gone. */
  async ask(signal: AbortSignal): Promise<void> {
    this.#check();
    await this.#host.ask(this.path, signal);
  }

  /** The session goes there, in this turn. @throws GatewayError `move_failed`, `session_closed`. */
  use(): void {
    this.#check();
    this.#isHeld = false;
    this.#host.use(this.path);
  }

  /** Gives it up. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#host.abandon(this.path);
  }

  /** Internal: its path is gone. */
  lose(error: GatewayError): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.onLost?.(error);
  }

  #check(): void {
    if (!this.#isHeld) throw new GatewayError('move_failed', `line ${this.line.id} is not prepared any more`);
  }
}
