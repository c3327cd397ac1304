import type { CaptureNotice } from '../capture/capture-counters.ts';
import type { CaptureNoticeCode } from '../found-datagram.ts';

/** What people are told of a capture beside what was asked for: at most so many lines of each kind. */
export class Warnings {
  readonly #warn: (text: string) => void;
  readonly #told = new Map<CaptureNoticeCode, number>();

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  /** Whether the capture itself is damaged. */
  get isDamaged(): boolean {
    return DAMAGE.some((code) => this.#told.has(code));
  }

  readonly notice: CaptureNotice = (code, packet, text) => {
    const told = (this.#told.get(code) ?? 0) + 1;
    this.#told.set(code, told);
    if (QUIET.has(code) || told > MAX_LINES) return;
    this.#warn(`${packet > 0 ? `packet ${packet}: ` : ''}${text} (${code})`);
    if (told === MAX_LINES) this.#warn(`and more of ${code}; --stats counts them`);
  };
}

const DAMAGE: readonly CaptureNoticeCode[] = ['capture_damaged', 'capture_cut_off'];

/** Other traffic in a capture is nothing to be told of. */
const QUIET: ReadonlySet<CaptureNoticeCode> = new Set([
  'link_type_unknown',
  'not_ip',
  'not_udp_or_tcp',
  'stream_foreign',
  'stream_encrypted',
]);
const MAX_LINES = 5;
