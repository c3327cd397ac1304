import { CloseCode, closeCodeName } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Sink } from '../../base/sink.ts';
import type { Session } from '../../session/index.ts';
import { closeInfo, type CloseInfo } from '../connection-status.ts';
import type { LineCandidate } from '../lines/line-candidate.ts';
import type { LoginSession } from '../login-answer.ts';
import { sessionCredentials } from '../session-credentials.ts';
import { AbortGroup } from './abort-group.ts';
import type { SessionEndpoint } from './session-endpoint.ts';
import type { SessionLines } from './session-lines.ts';
import { withinTime } from './time-limit.ts';

/** What one gateway's session is opened with. */
export interface SessionOpeningParts {
  readonly opening: LoginSession;
  readonly endpoint: SessionEndpoint;
  readonly lines: SessionLines;
  readonly stream: boolean;
  readonly timeoutMs: number;
  readonly earlyData: Uint8Array | undefined;
  /** The gateway answered: makes what takes the data, or nothing if another gateway was faster. */
  readonly opened: (session: Session) => Sink | undefined;
}

/** A session that is being opened at one gateway, on one line or several. What arrives goes to whoever the opener says. */
export class SessionOpening implements Sink {
  readonly #parts: SessionOpeningParts;
  #sink: Sink | undefined;
  /** Aborted when it was refused, or given up. */
  readonly #over = new AbortGroup();

  constructor(parts: SessionOpeningParts) {
    this.#parts = parts;
  }

  /** Tries one line, too. @throws as {@link SessionLines.tryOpening}; `session_closed` when the gateway refused on any; `config_invalid`. */
  async try({ line, address }: LineCandidate, signal: AbortSignal): Promise<never> {
    const { lines, opening, stream, timeoutMs, earlyData } = this.#parts;
    const dial = {
      credentials: sessionCredentials(opening),
      ...{ stream, timeoutMs, earlyData: earlyData !== undefined },
      bind: (session: Session): Sink => {
        const length = earlyData?.length ?? 0;
        if (earlyData !== undefined && length > 0 && session.send(earlyData, 0, length) < length)
          this.#over.abort(
            new GatewayError('config_invalid', 'earlyData is more than a session takes at once'),
          );
        return this;
      },
    };
    return this.#over.run((over) =>
      withinTime({ signals: [signal, over] }, (limit) => lines.tryOpening(line, address, dial, limit)),
    );
  }

  /** Drops it, and tells nobody. Resolves when nothing is left of it. */
  async destroy(): Promise<void> {
    this.#over.abort();
    const { endpoint, lines } = this.#parts;
    await Promise.all([endpoint.close(CloseCode.normal, 'another session is in use'), lines.stop()]);
  }

  // ---- Sink ----

  opened(): void {
    const { lines, opened } = this.#parts;
    if (this.#over.aborted) return;
    this.#sink = opened(lines.session);
    this.#sink?.opened?.();
  }

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    return this.#sink?.write(bytes, offset, length, endOfMessage) ?? true;
  }

  flush(): void {
    this.#sink?.flush();
  }

  end(): void {
    this.#sink?.end();
  }

  writable(): void {
    this.#sink?.writable();
  }

  drain(): void {
    this.#sink?.drain();
  }

  datagram(bytes: Uint8Array, offset: number, length: number): void {
    this.#sink?.datagram?.(bytes, offset, length);
  }

  close(code: CloseCode, reason: string): void {
    if (this.#sink !== undefined) {
      this.#sink.close(code, reason);
      return;
    }
    const { retryAfterMs } = this.#parts.lines.session.closing;
    this.#over.abort(refusal(closeInfo(code, reason, retryAfterMs)));
  }
}

/** What a session that was closed before it was opened is reported as. */
export function refusal(info: CloseInfo): GatewayError {
  const { code, reason } = info;
  // Nobody refuses with that: nobody answered, or the line broke.
  if (code === CloseCode.deadLink) return new GatewayError('connect_failed', reason);
  const message = `refused: ${closeCodeName(code)}${reason === '' ? '' : `, ${reason}`}`;
  return new GatewayError('session_closed', message, { details: { ...info } });
}
