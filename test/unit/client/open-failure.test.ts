import { expect, test } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { GatewayError } from '../../../src/base/errors.ts';
import { openFailure } from '../../../src/client/open-failure.ts';

test.each([
  ['connect_timeout', false, CloseCode.retriesExhausted],
  ['connect_failed', false, CloseCode.retriesExhausted],
  ['login_failed', false, CloseCode.retriesExhausted],
  ['login_refused', true, CloseCode.authFailed],
  ['no_line', true, CloseCode.retriesExhausted],
  ['config_invalid', true, CloseCode.retriesExhausted],
  ['retries_exhausted', true, CloseCode.retriesExhausted],
] as const)('%s: final %s, code %s', (code, isFinal, closeCode) => {
  expect(openFailure(new GatewayError(code, 'why'))).toEqual({
    isFinal,
    close: { code: closeCode, reason: 'why', mayReconnect: false },
  });
});

test('a refusal of a gateway has its own code', () => {
  const refused = (code: number) =>
    openFailure(new GatewayError('session_closed', 'no', { details: { code } }));
  expect(refused(CloseCode.overload)).toMatchObject({ isFinal: false, close: { code: CloseCode.overload } });
  expect(refused(CloseCode.blocked)).toMatchObject({ isFinal: true, close: { code: CloseCode.blocked } });
  expect(refused(1)).toMatchObject({ isFinal: false, close: { code: CloseCode.retriesExhausted } });
});

test('a refusal says when to come back', () => {
  const details = { code: CloseCode.overload, retryAfterMs: 2000 };
  expect(openFailure(new GatewayError('session_closed', 'no', { details })).close).toEqual({
    ...{ code: CloseCode.overload, reason: 'no', mayReconnect: true, retryAfterMs: 2000 },
  });
});

test('what is no error of ours is a bug, and final', () => {
  expect(openFailure(new TypeError('x'))).toMatchObject({ isFinal: true });
});
