import type { ColourChoice } from './palette.ts';
import type { TimeChoice } from './time-text.ts';

/** What the options about showing give. */
export interface ViewOptions {
  readonly tree: boolean;
  readonly hexDump: boolean;
  readonly stats: boolean;
  readonly notes: boolean;
  readonly json: boolean;
  readonly count: boolean;
  readonly follow?: number;
  readonly followSession?: number;
  readonly direction?: 'client' | 'gateway';
  readonly timeline?: string;
  readonly conv?: number;
  readonly write?: string;
  readonly time: TimeChoice;
  readonly bytes: boolean;
  readonly color: ColourChoice;
}
