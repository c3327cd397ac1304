import { expect, test } from 'vitest';
import { KnownLines } from '../../../src/client/known-lines.ts';
import type { LineEvidence, LineReport } from '../../../src/client/lines/line-report.ts';
import type { LineTransport } from '../../../src/client/login-answer.ts';

const seen = (id: string, transport: LineTransport, answered: number): LineEvidence =>
  ({ line: { id, transport }, answered }) as LineEvidence;
const reportOf = (...lines: LineEvidence[]): LineReport =>
  ({ best: null, lines, reason: '', tookMs: 0 }) as unknown as LineReport;

test('the latest of each line counts', () => {
  const known = new KnownLines();
  known.learn(reportOf(seen('a', 'udp', 1), seen('b', 'tcp', 1)));
  known.learn(reportOf(seen('a', 'udp', 5)));
  expect([known.of('a')?.answered, known.of('b')?.answered, known.of('c')]).toEqual([5, 1, null]);
});

test('does not grow with every login that names its lines anew', () => {
  const known = new KnownLines();
  for (let n = 0; n < 3000; n++) known.learn(reportOf(seen(String(n), 'udp', 1)));
  expect([known.of('0'), known.of('2999')?.answered]).toEqual([null, 1]);
});

test.each([
  ['blocked: only connections answer', [seen('a', 'udp', 0), seen('b', 'tcp', 3)], true],
  ['not blocked: one of two answers', [seen('a', 'udp', 0), seen('c', 'udp', 1), seen('b', 'tcp', 3)], false],
  ['not known: nothing answers at all', [seen('a', 'udp', 0), seen('b', 'tcp', 0)], false],
  ['not known: there is none', [seen('b', 'ws', 3)], false],
])('UDP %s', (_, lines, isBlocked) => {
  const known = new KnownLines();
  known.learn(reportOf(...lines));
  expect(known.isUdpBlocked).toBe(isBlocked);
});
