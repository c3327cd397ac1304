import type { FrontGateway } from '../nginx/include-files.ts';
import type { CheckEvent } from './check-event.ts';
import type { Applied } from './file-applier.ts';
import type { RoundOutcomes } from './gateway-judge.ts';

/** Who is told what happens. */
export interface CheckObserver {
  /** A round of probes of a gateway ended. */
  probed(gateway: FrontGateway, outcomes: RoundOutcomes): void;
  /** Something changed by it. */
  changed(event: CheckEvent): void;
  /** An attempt to tell nginx ended. */
  applied(applied: Applied): void;
}

/** Tells several. */
export function observers(...all: readonly CheckObserver[]): CheckObserver {
  return {
    probed: (gateway, outcomes) => {
      for (const one of all) one.probed(gateway, outcomes);
    },
    changed: (event) => {
      for (const one of all) one.changed(event);
    },
    applied: (applied) => {
      for (const one of all) one.applied(applied);
    },
  };
}
