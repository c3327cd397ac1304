import type { SwitchDecision } from './switching/switch-decision.ts';

/** Decisions for people: a line each, oldest first, with what was known and what came of it. Times count from the first one. */
export function explainDecisions(decisions: readonly SwitchDecision[]): string {
  const since = decisions[0]?.at ?? 0;
  return decisions.map((decision) => explain(decision, since)).join('\n');
}

function explain(decision: SwitchDecision, since: number): string {
  const { at, action, reason, from, to, inputs, scores, outcome } = decision;
  const seconds = ((at - since) / 1000).toFixed(3);
  const way = to === null || to === from ? from : `${from} -> ${to}`;
  const known = Object.entries(inputs).map(([name, value]) => `${name} ${String(value)}`);
  const scored = Object.entries(scores).map(
    ([line, ms]) => `${line} ${ms === null ? 'unknown' : `${ms.toFixed(1)} ms`}`,
  );
  const parts = [
    `+${seconds} s: ${ACTIONS[action]} ${way}, ${reason.replaceAll('_', ' ')}`,
    ...(known.length === 0 ? [] : [known.join(', ')]),
    ...(scored.length === 0 ? [] : [`scores: ${scored.join(', ')}`]),
    outcome === null ? 'under way' : `${outcome.result} after ${outcome.tookMs} ms`,
  ];
  return parts.join('; ');
}

const ACTIONS: Readonly<Record<SwitchDecision['action'], string>> = {
  suspect: 'suspect',
  duplicate: 'send on both',
  move: 'move',
  roll_back: 'go back',
  stay: 'stay on',
};
