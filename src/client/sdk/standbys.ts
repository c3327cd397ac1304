import { GatewayError } from '../../base/errors.ts';
import type { Path } from '../../session/index.ts';
import type { Line } from '../login-answer.ts';
import type { PreparedLine } from './prepared-line.ts';
import type { SessionLines } from './session-lines.ts';

/** Who keeps lines prepared. */
export interface StandbyUser {
  /** A line it keeps broke, gave way, or was taken into use by another. */
  standbyLost(line: string, why: GatewayError): void;
}

/** The lines of a session that are prepared beside the one in use, each once, for whoever needs it. */
export class Standbys {
  readonly #lines: Pick<SessionLines, 'prepare'>;
  readonly #byId = new Map<string, Standby>();
  #isOver = false;

  constructor(lines: Pick<SessionLines, 'prepare'>) {
    this.#lines = lines;
  }

  /**
   * Keeps a line for a user: prepares it, or asks anew whether it leads to the gateway.
   * @returns once the gateway has answered there.
   * @throws GatewayError why it is not kept.
   */
  async keep(user: StandbyUser, line: Line, timeoutMs: number): Promise<void> {
    if (this.#isOver) throw new GatewayError('session_closed');
    const known = this.#byId.get(line.id);
    if (known?.prepared !== undefined) {
      known.users.add(user);
      await known.prepared.ask(known.controller.signal);
      return;
    }
    const standby = known ?? this.#prepare(line, timeoutMs);
    standby.users.add(user);
    await standby.preparing;
  }

  /** The path of a line that is prepared. */
  pathOf(line: string): Path | undefined {
    return this.#byId.get(line)?.prepared?.path;
  }

  /** A user does not need a line any more; the last one gives it up. */
  release(user: StandbyUser, line: string): void {
    const standby = this.#byId.get(line);
    if (standby?.users.delete(user) !== true || standby.users.size > 0) return;
    this.#byId.delete(line);
    standby.controller.abort(new GatewayError('move_failed', 'it is not needed any more'));
    standby.prepared?.release();
  }

  /** The session goes to a line that is prepared. @throws GatewayError `move_failed`, `session_closed`. */
  use(user: StandbyUser, line: string): void {
    const standby = this.#byId.get(line);
    if (standby?.prepared === undefined)
      throw new GatewayError('move_failed', `line ${line} is not prepared`);
    this.#byId.delete(line);
    standby.users.delete(user);
    try {
      standby.prepared.use();
    } finally {
      this.#tell(standby, line, new GatewayError('move_failed', 'it is in use'));
    }
  }

  /** The session is over. */
  end(): void {
    this.#isOver = true;
    for (const { controller } of this.#byId.values()) controller.abort(new GatewayError('session_closed'));
    this.#byId.clear();
  }

  #prepare(line: Line, timeoutMs: number): Standby {
    const controller = new AbortController();
    const standby: Standby = {
      users: new Set(),
      controller,
      prepared: undefined,
      preparing: this.#lines.prepare(line, { timeoutMs, signal: controller.signal }).then(
        (prepared) => {
          if (controller.signal.aborted) {
            prepared.release();
            return;
          }
          standby.prepared = prepared;
          prepared.onLost = (error) => {
            if (this.#byId.get(line.id) === standby) this.#byId.delete(line.id);
            controller.abort(error);
            this.#tell(standby, line.id, error);
          };
        },
        (error: unknown) => {
          if (this.#byId.get(line.id) === standby) this.#byId.delete(line.id);
          throw error;
        },
      ),
    };
    this.#byId.set(line.id, standby);
    return standby;
  }

  #tell({ users }: Standby, line: string, why: GatewayError): void {
    for (const user of users) user.standbyLost(line, why);
    users.clear();
  }
}

/** One line that is prepared, or about to be. */
interface Standby {
  readonly users: Set<StandbyUser>;
  readonly controller: AbortController;
  readonly preparing: Promise<void>;
  prepared: PreparedLine | undefined;
}
