import { expect, it } from 'vitest';
import { chooseSeal } from '../../../../src/gateway/login/choose-seal.ts';

const sealed = 'aes-128-gcm';

it.each([
  [sealed, undefined, true, sealed],
  [sealed, [sealed, 'clear'], true, sealed],
  [sealed, ['clear', sealed], true, sealed],
  [sealed, ['clear'], true, 'clear'],
  [sealed, ['clear'], false, undefined],
  [sealed, ['chacha', 'clear', sealed], false, sealed],
  [sealed, ['chacha'], true, undefined],
  ['clear', undefined, true, 'clear'],
  ['clear', undefined, false, sealed],
  ['clear', [sealed], true, sealed],
  ['clear', [sealed, 'clear'], true, 'clear'],
  ['clear', ['clear'], false, undefined],
] as const)(
  'preferring %s, to one who wants %j, clear allowed: %s, gives %s',
  (preferred, wanted, allowed, seal) => {
    expect(chooseSeal(preferred, wanted, allowed)).toBe(seal);
  },
);
