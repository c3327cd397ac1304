import { expect, it } from 'vitest';
import { createStaticTokens } from '../../../../src/gateway/login/static-tokens.ts';

const authenticator = createStaticTokens([
  { subject: 'alice', token: 'token-of-alice-1' },
  { subject: 'bob', token: 'token-of-bob-0001' },
  { subject: 'alice', token: 'token-of-alice-2' },
]);

it.each([
  ['token-of-alice-1', { subject: 'alice', claims: '' }],
  ['token-of-bob-0001', { subject: 'bob', claims: '' }],
  ['token-of-alice-2', { subject: 'alice', claims: '' }],
  ['token-of-alice-', 'token_invalid'],
  ['token-of-alice-11', 'token_invalid'],
  ['TOKEN-OF-ALICE-1', 'token_invalid'],
  ['alice', 'token_invalid'],
  ['', 'token_invalid'],
  [undefined, 'token_required'],
])('a token: %j', (token, expected) => {
  expect(authenticator.authenticate(token, 0)).toEqual(expected);
});

it('compares with every token, found or not', () => {
  // What is compared is equal in length whatever is sent: a long token is no error.
  expect(authenticator.authenticate('x'.repeat(8192), 0)).toBe('token_invalid');
  expect(createStaticTokens([]).authenticate('x', 0)).toBe('token_invalid');
});
