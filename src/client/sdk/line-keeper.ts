import type { Session } from '../../session/index.ts';
import type { Line, Seal } from '../login-answer.ts';
import { resolveSwitchConfig, type SwitchOptions } from '../switching/switch-config.ts';
import type { SwitchDecision } from '../switching/switch-decision.ts';
import type { ClientPlatform } from './client-platform.ts';
import { LineCopies } from './line-copies.ts';
import { LineSwitcher, type LineSwitcherComponents } from './line-switcher.ts';
import { RedundantLine, type RedundantOptions } from './redundant-line.ts';
import { Standbys } from './standbys.ts';

/** How a session is kept on good lines. */
export interface LineKeeperOptions {
  /** undefined: it stays where it is, until it is moved. */
  readonly switching: SwitchOptions | undefined;
  /** undefined: nothing is sent twice without need. */
  readonly redundant: RedundantOptions | undefined;
}

/** What a {@link LineKeeper} works with. */
export interface LineKeeperComponents extends Pick<
  LineSwitcherComponents,
  'lines' | 'prober' | 'survey' | 'choices' | 'report' | 'logger'
> {
  readonly platform: ClientPlatform;
  readonly session: Session;
  readonly seal: Seal;
}

/** Keeps an open session on good lines, as far as that is wanted: watches and leaves them, and sends copies on a second one. */
export class LineKeeper {
  readonly #standbys: Standbys;
  readonly #switcher: LineSwitcher | undefined;
  readonly #redundant: RedundantLine | undefined;

  constructor(components: LineKeeperComponents, { switching, redundant }: LineKeeperOptions) {
    const { session, seal, lines, logger } = components;
    const isClear = seal === 'clear';
    const standbys = (this.#standbys = new Standbys(lines));
    const copies = new LineCopies(session);
    const shared = { ...components, standbys, copies };
    if (redundant !== undefined) {
      // A line that is prepared draws the gateway of a clear session there.
      if (isClear) logger.warn('no second line for copies: the session has no seal');
      else this.#redundant = new RedundantLine({ ...shared, options: redundant });
    }
    if (switching !== undefined) {
      this.#switcher = new LineSwitcher({
        ...shared,
        ...{ isClear, config: resolveSwitchConfig(switching) },
        surveyed: (report) => this.#redundant?.surveyed(report),
      });
    }
  }

  /** The latest decisions, oldest first. */
  get decisions(): readonly SwitchDecision[] {
    return this.#switcher?.decisions ?? [];
  }

  /** The line that gets copies of everything, in redundant mode. */
  get secondLine(): Line | undefined {
    return this.#redundant?.line;
  }

  /** See {@link LineSwitcher.noteSending}. */
  noteSending(): void {
    this.#switcher?.noteSending();
  }

  /** The session is over. Resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#standbys.end();
    await Promise.all([this.#switcher?.stop(), this.#redundant?.stop()]);
  }
}
