import { describe, expect, it } from 'vitest';
import { parseSessionId } from '../../../src/gateway/session-id.ts';

describe('ids of sessions', () => {
  it('are a worker and a number', () => {
    expect(parseSessionId('0.0')).toEqual({ worker: 0, number: 0 });
    expect(parseSessionId('63.999999999999999')).toEqual({ worker: 63, number: 999_999_999_999_999 });
  });

  it.each(['', '1', '.1', '1.', '01.1', '1.01', '1.1 ', '-1.1', '1.1.1', '1000.1', '1.1234567890123456'])(
    '"%s" is none',
    (text) => {
      expect(parseSessionId(text)).toBeUndefined();
    },
  );
});
