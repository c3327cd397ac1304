import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { wantedLines, type LineChoice } from '../choose-line.ts';
import type { LineReport } from '../lines/line-report.ts';
import type { Line } from '../login-answer.ts';
import type { ClientPlatform } from './client-platform.ts';
import type { LineCopies } from './line-copies.ts';
import type { SessionLines } from './session-lines.ts';
import type { Standbys, StandbyUser } from './standbys.ts';
import { delay, orAborted } from './time-limit.ts';

/** How everything is sent on a second line as well. */
export interface RedundantOptions {
  /** Copies are left out beyond so many bytes a second. Default 65,536. */
  readonly maxExtraBytesPerSecond?: number;
  /** Lines that may be the second one. Default: any, the best first. */
  readonly line?: LineChoice;
}

/** What a {@link RedundantLine} works with. */
export interface RedundantLineComponents {
  readonly platform: Pick<ClientPlatform, 'clock'>;
  readonly lines: Pick<SessionLines, 'line'>;
  readonly standbys: Pick<Standbys, 'keep' | 'pathOf' | 'release'>;
  readonly copies: Pick<LineCopies, 'always'>;
  /** Those that lead to the gateway of the session. */
  readonly choices: readonly Line[];
  readonly options: RedundantOptions;
  readonly logger: Logger;
}

/**
 * Keeps a second line for copies of everything that is sent: the best of the others, and the next one when that is lost, or
 * the session goes there. A better one is prepared before it is left.
 */
export class RedundantLine implements StandbyUser {
  readonly #components: RedundantLineComponents;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  /** Best first. */
  #choices: readonly Line[];
  /** Lines that failed lately: when they may be tried again, and the wait the next time. */
  readonly #avoided = new Map<string, { readonly until: number; readonly waitMs: number }>();
  /** Ends what the loop waits for. */
  #wake = new AbortController();
  #current: Line | undefined;
  /** It gets copies: it was prepared. */
  #isReady = false;

  /** The session is open. */
  constructor(components: RedundantLineComponents) {
    this.#components = components;
    this.#choices = wantedLines(components.choices, components.options.line);
    this.#running = this.#run(this.#stopping.signal);
  }

  /** The second line, while there is one. */
  get line(): Line | undefined {
    return this.#current;
  }

  /** Another line may be better. */
  surveyed({ lines }: LineReport): void {
    const places = new Map(lines.map(({ line }, place) => [line.id, place]));
    const placeOf = ({ id }: Line): number => places.get(id) ?? places.size;
    this.#choices = [...this.#choices].sort((one, other) => placeOf(one) - placeOf(other));
    // One that gets copies is not left before the better one is prepared, which is soon.
    if (this.#current !== undefined && !this.#isReady && this.#best !== this.#current) this.#wake.abort();
  }

  standbyLost(line: string, why: GatewayError): void {
    if (this.#current?.id !== line) return;
    this.#components.logger.debug('second line lost', { line, error: why.code });
    this.#wake.abort(why);
  }

  /** The session is over. Resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Never rejects. */
  async #run(signal: AbortSignal): Promise<void> {
    let next: Line | undefined;
    while (!signal.aborted) {
      const line: Line | undefined = next ?? this.#best;
      next = undefined;
      try {
        if (line === undefined) await delay(LOOK_AGAIN_MS, signal);
        else next = await this.#keep(line, signal);
      } catch (error) {
        this.#avoid(line, GatewayError.from(error));
      }
    }
  }

  /**
   * Until another one is better, or it is lost.
   * @returns the better one, if that is prepared.
   * @throws GatewayError when it is of no use.
   */
  async #keep(line: Line, signal: AbortSignal): Promise<Line | undefined> {
    const { lines, standbys, copies, options, logger } = this.#components;
    const wake = (this.#wake = new AbortController());
    const onStop = (): void => wake.abort();
    signal.addEventListener('abort', onStop, { once: true });
    this.#current = line;
    try {
      await orAborted(standbys.keep(this, line, PREPARE_TIMEOUT_MS), wake.signal);
      copies.always(standbys.pathOf(line.id), options.maxExtraBytesPerSecond);
      logger.debug('copies go to a second line', { line: line.id });
      this.#isReady = true;
      this.#avoided.delete(line.id);
      while (lines.line.id !== line.id) {
        const better = this.#best;
        if (better !== undefined && better !== line && (await this.#prepare(better, wake.signal)))
          return better;
        await delay(ASK_EVERY_MS, wake.signal);
        await orAborted(standbys.keep(this, line, PREPARE_TIMEOUT_MS), wake.signal);
      }
      return undefined;
    } catch (error) {
      // It was not lost: another one is better, or the session is over.
      if (!wake.signal.aborted || wake.signal.reason instanceof GatewayError) throw error;
      return undefined;
    } finally {
      signal.removeEventListener('abort', onStop);
      this.#current = undefined;
      this.#isReady = false;
      copies.always(undefined);
      standbys.release(this, line.id);
    }
  }

  /** Beside the one that is kept. @returns whether it is kept, too, now. @throws the reason of the signal. */
  async #prepare(line: Line, signal: AbortSignal): Promise<boolean> {
    const { standbys } = this.#components;
    try {
      await orAborted(standbys.keep(this, line, PREPARE_TIMEOUT_MS), signal);
      return true;
    } catch (error) {
      standbys.release(this, line.id);
      if (signal.aborted) throw error;
      this.#avoid(line, GatewayError.from(error));
      return false;
    }
  }

  get #best(): Line | undefined {
    const { platform, lines } = this.#components;
    const now = platform.clock.now();
    return this.#choices.find(
      (line) => line.id !== lines.line.id && (this.#avoided.get(line.id)?.until ?? 0) <= now,
    );
  }

  #avoid(line: Line | undefined, why: GatewayError): void {
    if (line === undefined || this.#stopping.signal.aborted) return;
    const waitMs = Math.min(2 * (this.#avoided.get(line.id)?.waitMs ?? FIRST_WAIT_MS / 2), MAX_WAIT_MS);
    this.#avoided.set(line.id, { until: this.#components.platform.clock.now() + waitMs, waitMs });
    this.#components.logger.debug('no second line', { line: line.id, error: why.code, waitMs });
  }
}

const PREPARE_TIMEOUT_MS = 5_000;
/** The gateway is asked so often whether the second line still leads there. */
const ASK_EVERY_MS = 2_000;
const LOOK_AGAIN_MS = 250;
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
