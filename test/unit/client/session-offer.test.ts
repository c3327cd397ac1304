import { expect, test } from 'vitest';
import { DrainedGateways } from '../../../src/client/drained-gateways.ts';
import type { Line, LoginAnswer, LoginSession } from '../../../src/client/login-answer.ts';
import { sessionOffer, type OfferWish } from '../../../src/client/session-offer.ts';

const GATEWAYS = [1, 2, 3];
function offer(wish: Partial<OfferWish>, relays = false): readonly [number[], string[]] | undefined {
  const answer = {
    sessions: GATEWAYS.map((gatewayId) => ({ gatewayId }) as LoginSession),
    lines: GATEWAYS.map((gatewayId) => ({ gatewayId, id: `line-${String(gatewayId)}` }) as Line),
    relays,
  } as unknown as LoginAnswer;
  const part = sessionOffer(answer, { leave: undefined, avoid: () => false, holds: () => true, ...wish });
  if (part === undefined) return undefined;
  return [part.sessions.map(({ gatewayId }) => gatewayId), part.lines.map(({ id }) => id)];
}
const all = [
  [1, 2, 3],
  ['line-1', 'line-2', 'line-3'],
];

test('everything, when nothing speaks against it', () => {
  expect(offer({})).toEqual(all);
});

test('never the gateway to be left, nor a ticket that does not hold', () => {
  expect(offer({ leave: 2 })).toEqual([
    [1, 3],
    ['line-1', 'line-3'],
  ]);
  expect(offer({ holds: ({ gatewayId }) => gatewayId === 2 })).toEqual([[2], ['line-2']]);
  expect(offer({ leave: 2, holds: ({ gatewayId }) => gatewayId === 2 })).toBeUndefined();
});

test('not those that are drained, while there are others', () => {
  expect(offer({ avoid: (gatewayId) => gatewayId !== 3 })).toEqual([[3], ['line-3']]);
  expect(offer({ avoid: () => true })).toEqual(all);
});

test('where gateways relay: not by way of those that go away, while there are others', () => {
  expect(offer({ leave: 1 }, true)).toEqual([
    [2, 3],
    ['line-2', 'line-3'],
  ]);
  const only = offer({ leave: 1, avoid: () => true, holds: ({ gatewayId }) => gatewayId < 3 }, true);
  expect(only).toEqual([[2], ['line-1', 'line-2', 'line-3']]);
});

test('a gateway counts as drained until it is gone, and a moment longer', () => {
  const drained = new DrainedGateways();
  drained.add(0, 1, 20_000);
  drained.add(0, 2, 0);
  expect([1, 2, 3].map((id) => drained.has(4_999, id))).toEqual([true, true, false]);
  expect([1, 2].map((id) => drained.has(5_000, id))).toEqual([true, false]);
  expect(drained.has(20_000, 1)).toBe(false);
});
