import { setTimeout as delay } from 'node:timers/promises';
import type { FrontGateway } from '../nginx/include-files.ts';
import { nowMs } from './answer-wait.ts';
import type { FrontCheck } from './front-check.ts';
import type { RoundOutcomes } from './gateway-judge.ts';
import { GatewayProber } from './gateway-prober.ts';

/** Asks every gateway so often, one round soon after the other, and tells the check. @returns what the last round found. */
export async function checkOnce(
  check: FrontCheck,
  gateways: readonly FrontGateway[],
  rounds: number,
  timeoutMs: number,
): Promise<ReadonlyMap<FrontGateway, RoundOutcomes>> {
  const found = await Promise.all(
    gateways.map(async (gateway) => {
      const prober = new GatewayProber(gateway);
      let outcomes: RoundOutcomes = new Map();
      let counted = 0;
      // Rounds that say nothing are made up for, a few times.
      for (let round = 0; counted < rounds && round < rounds + EXTRA_ROUNDS; round++) {
        if (round > 0) await delay(PAUSE_MS);
        outcomes = await prober.round(timeoutMs);
        check.probed(gateway, outcomes, Math.floor(nowMs()));
        if ([...outcomes.values()].every(({ result }) => result !== 'discarded')) counted++;
      }
      prober.close();
      return [gateway, outcomes] as const;
    }),
  );
  return new Map(found);
}

const PAUSE_MS = 50;
const EXTRA_ROUNDS = 3;
