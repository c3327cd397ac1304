import { expect, it } from 'vitest';
import { SubjectLedger } from '../../../../src/gateway/workers/subject-ledger.ts';

it('finds the oldest session of a subject that has one too many, wherever they are', () => {
  const ledger = new SubjectLedger(2);
  expect(ledger.add('ann', 0, 1)).toBeUndefined();
  expect(ledger.add('bob', 0, 2)).toBeUndefined();
  expect(ledger.add('ann', 1, 1)).toBeUndefined();
  expect(ledger.add('ann', 0, 3)).toEqual({ worker: 0, session: 1 });
  // The end of the one that gave way is no news.
  ledger.remove('ann', 0, 1);
  expect(ledger.add('ann', 1, 4)).toEqual({ worker: 1, session: 1 });
  ledger.remove('ann', 0, 3);
  expect(ledger.add('ann', 0, 5)).toBeUndefined();
  expect(ledger.add('ann', 0, 6)).toEqual({ worker: 1, session: 4 });
  ledger.remove('nobody', 0, 0);
});

it('forgets the sessions of a worker that died', () => {
  const ledger = new SubjectLedger(1);
  ledger.add('ann', 0, 1);
  ledger.add('bob', 1, 1);
  ledger.forget(0);
  expect(ledger.add('ann', 1, 2)).toBeUndefined();
  expect(ledger.add('bob', 0, 1)).toEqual({ worker: 1, session: 1 });
});
