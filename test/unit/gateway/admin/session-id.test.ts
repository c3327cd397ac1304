import { describe, expect, it } from 'vitest';
import { compareSessionIds, parseSessionId } from '../../../../src/gateway/session-id.ts';

describe('ids of sessions', () => {
  it('are a worker and a number', () => {
    expect(parseSessionId('0.0')).toEqual({ worker: 0, number: 0 });
    expect(parseSessionId('63.999999999999999')).toEqual({ worker: 63, number: 999_999_999_999_999 });
    for (const text of [
      '',
      '1',
      '.1',
      '1.',
      '01.1',
      '1.01',
      '1.1 ',
      '-1.1',
      '1.1.1',
      '1000.1',
      '1.1234567890123456',
    ]) {
      expect(parseSessionId(text), text).toBeUndefined();
    }
  });

  it('have an order: by worker, then by number', () => {
    const ids = ['10.1', '2.10', '2.9', '0.100', '0.20'];
    expect(ids.sort(compareSessionIds)).toEqual(['0.20', '0.100', '2.9', '2.10', '10.1']);
    expect(compareSessionIds('1.1', '1.1')).toBe(0);
  });
});
