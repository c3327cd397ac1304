/** Where a session stands with its line (docs/client.md, "Switching"). */
export type SwitchState =
  'active' | 'suspect' | 'duplicating' | 'migrating' | 'probation' | 'fallback' | 'draining';

/** Why something was decided; a closed list. */
export type SwitchReason =
  | 'silence'
  | 'no_acknowledgement'
  | 'connection_lost'
  | 'refused'
  | 'better_line'
  | 'faster_at_start'
  | 'udp_again'
  | 'worse_after_move'
  | 'gateway_draining'
  | 'network_changed'
  | 'recovered'
  | 'requested';

/** One decision about lines: what was known, what was done, and what came of it. Plain JSON. */
export interface SwitchDecision {
  /** Counted from 0 in a session. */
  readonly id: number;
  /** The client's monotonic ms. */
  readonly at: number;
  readonly action: 'suspect' | 'duplicate' | 'move' | 'roll_back' | 'stay';
  readonly reason: SwitchReason;
  readonly from: string;
  readonly to: string | null;
  readonly state: SwitchState;
  /** What it rests on: signals and thresholds by name. */
  readonly inputs: Readonly<Record<string, number | string | boolean | null>>;
  /** Scores in ms by line id, as far as they are known. */
  readonly scores: Readonly<Record<string, number | null>>;
  /** Set when it is known: `done`, or why it came to nothing; with how long it took. */
  readonly outcome: { readonly result: string; readonly tookMs: number } | null;
}

/** What the monitor wants done. Whoever drives it reports back what became of it. */
export type SwitchCommand =
  /** Send one PROBE of so many bytes on the line and report the answer, or that none came. */
  | { readonly type: 'probe'; readonly line: string; readonly bytes: number }
  /** Ask on the path in use whether it still leads to the gateway (PATH_CHALLENGE). */
  | { readonly type: 'challenge' }
  /** Open the line and ask there whether it leads to the gateway: `prepared` or `prepareFailed` follows. */
  | { readonly type: 'prepare'; readonly line: string }
  /** Send everything on this prepared line as well; null: no longer. */
  | { readonly type: 'copy'; readonly line: string | null }
  /** Use the prepared line: `moved` or `moveFailed` follows. */
  | { readonly type: 'move'; readonly line: string }
  /** Give up what was prepared. */
  | { readonly type: 'release'; readonly line: string };

/** Takes what is to be done, to be done in that order. */
export type CommandSink = (command: SwitchCommand) => void;
