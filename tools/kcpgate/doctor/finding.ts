import type { NativeLoad } from '../../../native-bindings/index.ts';
import type { GatewayConfig } from '../../../src/gateway/config/config.ts';

/**
 * How something is.
 *
 * - `ok`: as it should be.
 * - `note`: worth knowing, nothing to change.
 * - `warning`: it works, but slower or less than this machine could.
 * - `failure`: a gateway, or a client, does not work like this.
 */
export type FindingStatus = 'ok' | 'note' | 'warning' | 'failure';

/** What one check found. */
export interface Finding {
  /** What was looked at, in a few words. */
  readonly check: string;
  readonly status: FindingStatus;
  /** One line. */
  readonly text: string;
  /** What to do about it, one line each; commands as they are typed. */
  readonly advice?: readonly string[];
  /** The same in figures, for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What the checks look at. */
export interface Patient {
  /** As this process has it. */
  readonly native: NativeLoad;
  readonly config: GatewayConfig;
  /** The configuration is one that was asked for, not the embedded default: its addresses are tried. */
  readonly isConfigured: boolean;
}

/** Looks at one thing. It never throws: what goes wrong is a finding. */
export type Check = (
  patient: Patient,
) => Finding | readonly Finding[] | Promise<Finding | readonly Finding[]>;
