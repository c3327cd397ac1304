import * as z from 'zod';
import { CLOSE_CODES, type CloseCode } from '../../base/close-code.ts';
import { didYouMean } from '../config/suggestion.ts';

/** What a session can be ended with from outside: the codes that a gateway chooses. */
const ROWS = CLOSE_CODES.filter(({ code }) => code >= 3000 && code <= 3999);
const NAMES = ROWS.map(({ name }) => name);
const CODES = ROWS.map(({ code }) => code);

/** The names of the codes that sessions can be ended with. */
export const KICK_CODE_NAMES: readonly string[] = NAMES;

/** A close code by its number or name. */
export const CLOSE_CODE = z
  .union([z.enum(NAMES), z.literal(CODES)], {
    error: ({ input }) =>
      `must be a close code from 3000 to 3999 or its name${typeof input === 'string' ? didYouMean(input, NAMES) : ''}`,
  })
  .transform((value) => closeCodeOf(value))
  .describe(
    'Why, as the client is told: a close code or its name. 3000 to 3499: it may come back; from 3500 on: it may not.',
  );

/** The code of a name or number of the table. */
function closeCodeOf(value: string | number): CloseCode {
  const row = ROWS.find(({ name, code }) => name === value || code === value);
  if (row === undefined) throw new RangeError('not a close code');
  return row.code;
}
